//! `twinmap stages auto`: proposes a stage map. Prints it; applies nothing.

use super::error::{CliError, CliResult};
use super::exit::Exit;
use super::{App, load};
use crate::diag::suggest::nearest;
use crate::draft::{self, StageProposal};
use crate::resolve::Schemas;
use crate::schema::Object;
use crate::syntax::fmt::format;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Propose which stages go together, with a score for each pair
    #[command(after_help = "Examples:\n  twinmap stages auto hubspot.deal salesforce.Opportunity\n  \
        twinmap stages auto hubspot.deal salesforce.Opportunity --format json\n\n\
        Pairs are one-to-one, open with open, won with won. Likely ones are printed as comments. Nothing is written:\n\
        paste what is right into a mapping.")]
    Auto(AutoArgs),
}

#[derive(Debug, clap::Args)]
struct AutoArgs {
    /// `SYSTEM.OBJECT` whose stages stand on the left
    left: String,
    /// `SYSTEM.OBJECT` whose stages stand on the right
    right: String,
    /// How to print it
    #[arg(long, value_enum, default_value = "text", value_name = "F")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// As `stages` items
    Text,
    /// One JSON document
    Json,
}

#[derive(serde::Serialize)]
struct Document<'d> {
    format_version: &'static str,
    left: &'d str,
    right: &'d str,
    proposals: &'d [StageProposal],
}

/// Fields that hold a stage.
const STAGE_FIELDS: [&str; 3] = ["dealstage", "hs_pipeline_stage", "StageName"];

pub fn run(app: &App, args: &Args) -> CliResult {
    let Command::Auto(args) = &args.command;
    let project = app.project()?;
    let (schemas, _) = load::schemas(&project)?;
    let (left_name, left) = object(&schemas, &args.left)?;
    let (right_name, right) = object(&schemas, &args.right)?;
    let proposals = draft::stages(left, right);
    match args.format {
        Format::Json => {
            let document =
                Document { format_version: "1", left: &args.left, right: &args.right, proposals: &proposals };
            let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
            text.push('\n');
            app.term.out(&text);
        }
        Format::Text => {
            let mut items = Vec::new();
            for (index, proposal) in proposals.iter().enumerate() {
                let name = match index {
                    0 => "stages_auto".to_owned(),
                    more => format!("stages_auto_{}", more + 1),
                };
                items.push(draft::stage_item(&name, left_name, right_name, proposal));
            }
            app.term.out(&format(&items.join("\n")).text);
        }
    }
    let found = proposals.iter().any(|proposal| !proposal.rows.is_empty());
    if !found {
        app.term.say("no stages look alike\n");
    }
    Ok(if found { Exit::Ok } else { Exit::Failure })
}

/// `hubspot.deal` as names and schema; it must have stages.
fn object<'s, 'p>(schemas: &'s Schemas, path: &'p str) -> Result<((&'p str, &'s str), &'s Object), CliError> {
    let (system_name, object_name) = path.split_once('.').ok_or_else(|| {
        CliError::usage(format!("`{path}` is no object"), "write `SYSTEM.OBJECT`, such as `hubspot.deal`")
    })?;
    let near =
        |name: &str, known: Vec<&str>| nearest(name, known).map(|near| format!("did you mean `{near}`?"));
    let Some(system) = schemas.systems.get(system_name) else {
        let help = if schemas.without.iter().any(|known| known == system_name) {
            Some(format!("it has no snapshot yet: `twinmap schema pull {system_name}`"))
        } else {
            near(system_name, schemas.systems.keys().map(String::as_str).collect())
        };
        return Err(CliError::Schema { message: format!("there is no schema of `{system_name}`"), help });
    };
    let Some((name, object)) = system.object(object_name) else {
        let help = near(object_name, system.objects.keys().map(String::as_str).collect());
        return Err(CliError::Schema {
            message: format!("{system_name} has no object `{object_name}`"),
            help,
        });
    };
    if object.stages.is_empty() && object.pipelines.is_empty() {
        if !STAGE_FIELDS.iter().any(|field| object.fields.contains_key(*field)) {
            return Err(CliError::Schema {
                message: format!("no-stage-field: {path} has no stage field, so it has no stages to map"),
                help: Some(
                    "stages are mapped between objects that have them: deals and opportunities".to_owned(),
                ),
            });
        }
        return Err(CliError::Schema {
            message: format!(
                "stages-not-visible: {path} has a stage field and no stages in its snapshot; the user whom it was \
                 pulled with probably lacks the permission to read them"
            ),
            help: Some(format!(
                "give the permission and pull the schema again; or import them: `twinmap schema import {path} FILE --kind pipelines` (HubSpot) or `--kind stages` (Salesforce)"
            )),
        });
    }
    Ok(((system_name, name), object))
}
