//! The functions and converters that the language brings along, by name.
//!
//! Signatures and classes are checked in `check`; meaning is given in `interp`. Both match on these enums, so a
//! new entry does not compile until each has its part.

use serde::{Deserialize, Serialize};

macro_rules! builtins {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $text:literal $min:literal ..= $max:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($variant),* }

        impl $name {
            pub const ALL: &[$name] = &[$($name::$variant),*];

            pub fn name(self) -> &'static str {
                match self { $($name::$variant => $text),* }
            }

            /// Least and most number of arguments.
            pub fn arity(self) -> (usize, usize) {
                match self { $($name::$variant => ($min, $max)),* }
            }

            pub fn find(name: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|entry| entry.name() == name)
            }
        }
    };
}

builtins! {
    /// Typed, total functions of expressions. Null goes through, except in `coalesce` and `concat`.
    Func {
        Concat "concat" 1 ..= 64;
        Coalesce "coalesce" 1 ..= 64;
        Trim "trim" 1 ..= 1;
        Lower "lower" 1 ..= 1;
        Upper "upper" 1 ..= 1;
        Title "title" 1 ..= 1;
        Truncate "truncate" 2 ..= 2;
        Replace "replace" 3 ..= 3;
        StripPrefix "strip_prefix" 2 ..= 2;
        StripSuffix "strip_suffix" 2 ..= 2;
        SplitFirst "split_first" 2 ..= 2;
        SplitLast "split_last" 2 ..= 2;
        Pad "pad" 2 ..= 3;
        RegexExtract "regex_extract" 2 ..= 3;
        Domain "domain" 1 ..= 1;
        Host "host" 1 ..= 1;
        EmailDomain "email_domain" 1 ..= 1;
        Phone "phone" 1 ..= 2;
        Round "round" 1 ..= 2;
        Floor "floor" 1 ..= 1;
        Ceil "ceil" 1 ..= 1;
        Abs "abs" 1 ..= 1;
        Min "min" 1 ..= 64;
        Max "max" 1 ..= 64;
        Int "int" 1 ..= 1;
        Decimal "decimal" 1 ..= 1;
        Text "text" 1 ..= 1;
        Date "date" 1 ..= 1;
        DateTime "datetime" 1 ..= 1;
        Year "year" 1 ..= 1;
        Month "month" 1 ..= 1;
        DaysBetween "days_between" 2 ..= 2;
        AddDays "add_days" 2 ..= 2;
        InZone "in_zone" 2 ..= 2;
        Join "join" 2 ..= 2;
        Split "split" 2 ..= 2;
        Count "count" 1 ..= 1;
        ContainsAll "contains_all" 2 ..= 2;
    }
}

builtins! {
    /// Converters that may stand after `using` without an item of their own.
    Converter {
        Owners "owners" 0 ..= 0;
        CalendarDay "calendar_day" 1 ..= 1;
        WebAddress "web_address" 0 ..= 0;
        Email "email" 0 ..= 0;
        Phone "phone" 0 ..= 1;
        Percent "percent" 0 ..= 0;
        Cents "cents" 0 ..= 0;
        YesNo "yes_no" 0 ..= 0;
        Trimmed "trimmed" 0 ..= 0;
        Lowercase "lowercase" 0 ..= 0;
        Country "country" 0 ..= 0;
        State "state" 0 ..= 0;
        IdOf "id_of" 1 ..= 1;
        RichText "rich_text" 0 ..= 0;
        Multi "multi" 1 ..= 1;
    }
}
