//! `twinmap graph`: objects, syncs and what they need of each other.

use super::common::{Example, out};

#[test]
fn objects_syncs_and_links_are_drawn() {
    let example = Example::new();
    assert_eq!(
        out(&example.run(&["graph"])),
        "flowchart LR\n  subgraph hubspot\n    hubspot_company[\"hubspot.company\"]\n    hubspot_contact[\"hubspot.contact\"]\n    \
         hubspot_deal[\"hubspot.deal\"]\n  end\n  subgraph salesforce\n    salesforce_Account[\"salesforce.Account\"]\n    \
         salesforce_Contact[\"salesforce.Contact\"]\n    salesforce_Opportunity[\"salesforce.Opportunity\"]\n  end\n  \
         hubspot_company <-->|\"companies, 10 rows\"| salesforce_Account\n  hubspot_contact <-->|\"contacts, 7 rows\"| salesforce_Contact\n  hubspot_deal <-->|\"deals, 7 rows\"| salesforce_Opportunity\n  \
         hubspot_contact -.->|\"links of companies\"| hubspot_company\n  hubspot_deal -.->|\"links of companies\"| hubspot_company\n"
    );
    let dot = out(&example.run(&["graph", "--format", "dot"]));
    assert!(dot.starts_with("digraph twinmap {") && dot.ends_with("}\n"), "{dot}");
    assert!(
        dot.contains("hubspot_company -> salesforce_Account [label=\"companies, 10 rows\", dir=both];"),
        "{dot}"
    );
}
