//! The columns: one table, from which the Arrow schema, the checks and the documentation come.

use std::fmt::Write;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// One column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name in Parquet and SQL.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether a row may have none.
    pub nullable: bool,
    /// Unit of a number, or the vocabulary of a text; empty where there is none.
    pub unit: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

/// The types, all of which DuckDB and Spark read as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8, dictionary-encoded in the file.
    Text,
    /// A moment in microseconds, UTC.
    Time,
    /// A double.
    Number,
    /// 32 bits, signed.
    Small,
    /// 64 bits, signed.
    Count,
    /// True or false.
    Truth,
}

impl Kind {
    /// The Arrow type.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Number => DataType::Float64,
            Self::Small => DataType::Int32,
            Self::Count => DataType::Int64,
            Self::Truth => DataType::Boolean,
        }
    }

    /// The type's name in SQL.
    pub const fn sql(self) -> &'static str {
        match self {
            Self::Text => "VARCHAR",
            Self::Time => "TIMESTAMP WITH TIME ZONE",
            Self::Number => "DOUBLE",
            Self::Small => "INTEGER",
            Self::Count => "BIGINT",
            Self::Truth => "BOOLEAN",
        }
    }
}

const fn column(
    name: &'static str,
    kind: Kind,
    nullable: bool,
    unit: &'static str,
    meaning: &'static str,
) -> Column {
    Column { name, kind, nullable, unit, meaning }
}

/// All columns, in the order of the file.
pub const COLUMNS: [Column; 35] = [
    column(
        "id",
        Kind::Text,
        false,
        "",
        "The episode's id: 12 hexadecimal digits, the same whenever the same records are analysed.",
    ),
    column(
        "host_name",
        Kind::Text,
        false,
        "",
        "The host's name (`uname -n`) as it is; the partition's `host` has it escaped.",
    ),
    column("boot_id", Kind::Text, false, "UUID", "The host's boot. Two boots of one host never overlap."),
    column("domain_name", Kind::Text, true, "", "libvirt's name of the virtual machine."),
    column("domain_uuid", Kind::Text, true, "UUID", "libvirt's UUID of the virtual machine."),
    column("os", Kind::Text, true, "libosinfo id", "The guest's system."),
    column("qemu_version", Kind::Text, true, "", "QEMU's version."),
    column("qemu_build_id", Kind::Text, true, "hexadecimal", "GNU build id of QEMU's executable."),
    column("kernel", Kind::Text, true, "", "The host's kernel release (`uname -r`)."),
    column(
        "requested_at",
        Kind::Time,
        true,
        "UTC, microseconds",
        "First sign of the request, by the host's wall clock; null where no record shows the request.",
    ),
    column(
        "request_path",
        Kind::Text,
        false,
        "`acpi`, `agent`, `guest`, `signal`, `destroy`, `none`",
        "The way the request took.",
    ),
    column("presses", Kind::Small, false, "count", "How often the power button was pressed."),
    column("requested_by", Kind::Text, true, "", "Who asked, as far as it was seen."),
    column(
        "outcome",
        Kind::Text,
        false,
        "`soft`, `hard`, `slept`, `rebooted`, `crashed`, `ignored`, `pending`, `saved`, `migrated`, `unknown`",
        "How it ended.",
    ),
    column("verdict", Kind::Text, false, "`clean`, `slow`, `failed`, `unknown`", "How that is to be judged."),
    column("escalated", Kind::Truth, false, "", "A soft request was followed by a hard stop."),
    column(
        "duration_seconds",
        Kind::Number,
        true,
        "s",
        "From the request to the end; null where one of them is not known.",
    ),
    column(
        "observed_seconds",
        Kind::Number,
        true,
        "s",
        "For survival analysis: how long the guest was seen to need (`censored` false), or to need at least (`censored` true). Null where nobody asked it softly, or no time is known.",
    ),
    column(
        "censored",
        Kind::Truth,
        false,
        "",
        "The guest's own power-off was not seen: it was cut off, crashed, slept, restarted, ignored the request or has not ended. It would have taken longer than `observed_seconds` (right-censored).",
    ),
    column(
        "deliver_seconds",
        Kind::Number,
        true,
        "s",
        "Phase: the request reaches the guest's interrupt line. A phase that was not seen is null.",
    ),
    column("notice_seconds", Kind::Number, true, "s", "Phase: the guest acknowledges the power button."),
    column("guest_seconds", Kind::Number, true, "s", "Phase: the guest ends applications and services."),
    column("poweroff_seconds", Kind::Number, true, "s", "Phase: QEMU stops vCPUs, drains and flushes."),
    column("teardown_seconds", Kind::Number, true, "s", "Phase: QEMU cleans up and exits."),
    column("release_seconds", Kind::Number, true, "s", "Phase: libvirt releases the domain."),
    column(
        "cause",
        Kind::Text,
        false,
        "cause code",
        "Why it was slow or failed; `none` where there is nothing to explain.",
    ),
    column("confidence", Kind::Number, false, "0 to 1", "How sure the cause is."),
    column(
        "scenario",
        Kind::Small,
        true,
        "1 to 8",
        "The well-known Windows scenario, where the cause is one.",
    ),
    column(
        "risk",
        Kind::Text,
        true,
        "`unknown`, `low`, `medium`, `high`",
        "What a hard stop may have cost; null where there was none.",
    ),
    column(
        "tier",
        Kind::Text,
        false,
        "`hook`, `log`, `process`, `kvm`, `probe`, `guest`",
        "The best source that covered it.",
    ),
    column("lost_events", Kind::Count, false, "count", "Events lost on the way, at all stages."),
    column("bad_lines", Kind::Count, false, "count", "Lines of this boot's journal that could not be read."),
    column("clock_uncertainty_seconds", Kind::Number, false, "s", "Uncertainty of times across sources."),
    column("synthetic", Kind::Truth, false, "", "Made up by `softoff fleet synth`, no real shutdown."),
    column("softoff_version", Kind::Text, false, "", "The softoff that wrote the row."),
];

/// The columns of the phases with the phases' names, in order.
pub const PHASES: [(&str, &str); 6] = [
    ("deliver", "deliver_seconds"),
    ("notice", "notice_seconds"),
    ("guest", "guest_seconds"),
    ("poweroff", "poweroff_seconds"),
    ("teardown", "teardown_seconds"),
    ("release", "release_seconds"),
];

/// The Arrow schema of all files.
pub fn arrow_schema() -> SchemaRef {
    let field = |column: &Column| Field::new(column.name, column.kind.data_type(), column.nullable);
    Arc::new(Schema::new(COLUMNS.iter().map(field).collect::<Vec<_>>()))
}

/// The columns as a Markdown table, for the documentation.
pub fn markdown_table() -> String {
    let mut table = String::from("| Column | Type | Unit | Meaning |\n| --- | --- | --- | --- |\n");
    for Column { name, kind, nullable, unit, meaning } in COLUMNS {
        let null = if nullable { "" } else { " NOT NULL" };
        // Writing to a String cannot fail.
        let _ = writeln!(table, "| `{name}` | {}{null} | {unit} | {meaning} |", kind.sql());
    }
    table
}

#[cfg(test)]
mod tests {
    use softoff_analyzer::episode::PhaseName;

    use super::*;

    const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/fleet.md");

    #[test]
    fn the_documentation_holds_the_table_of_columns_as_the_code_generates_it() {
        let text = std::fs::read_to_string(DOCS).expect("docs/fleet.md");
        let found = text
            .split_once("<!-- columns: begin -->\n")
            .and_then(|(_, rest)| rest.split_once("<!-- columns: end -->"));
        let (found, _) = found.expect("the markers of the table of columns");
        let table = markdown_table();
        assert_eq!(
            found.trim(),
            table.trim(),
            "put this table between the markers in docs/fleet.md:\n{table}"
        );
    }

    #[test]
    fn every_phase_has_its_column() {
        for (phase, (name, column)) in PhaseName::ALL.into_iter().zip(PHASES) {
            assert_eq!(phase.as_str(), name);
            assert!(COLUMNS.iter().any(|known| known.name == column), "{column}");
        }
    }

    #[test]
    fn no_column_has_the_name_of_a_partition() {
        assert!(COLUMNS.iter().all(|column| !["date", "host"].contains(&column.name)));
    }
}
