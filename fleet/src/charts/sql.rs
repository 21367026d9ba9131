//! The statements of the charts, beside [`by`](crate::by)'s. Their answers have a row a day, a cause or one of a
//! few hosts: never a row a shutdown, nor one a host where hosts are many.

use softoff_charts::times::Step;
use softoff_store::schema::PHASES;

use crate::engine::TABLE;

/// 1.96², the square of the standard errors of a 95 % interval.
const Z2: f64 = 3.8416;
/// What is slow or failed.
const BAD: &str = "CASE WHEN verdict IN ('slow', 'failed') THEN 1 ELSE 0 END";

/// How many hosts there are.
pub fn host_count(filter: &str) -> String {
    format!("SELECT count(DISTINCT host_name) AS n FROM {TABLE} WHERE {filter}")
}

/// Seconds waited, by cause and step of the calendar.
pub fn waited(step: Step, filter: &str) -> String {
    format!(
        "SELECT cause AS grp, {day} AS day, sum(observed_seconds) AS total, count(*) AS n FROM {TABLE} \
         WHERE observed_seconds IS NOT NULL AND requested_at IS NOT NULL AND {filter} GROUP BY 1, 2",
        day = day(step),
    )
}

/// The mean of each phase of slow shutdowns that ended by themselves, by cause.
pub fn phases(filter: &str) -> String {
    let means = PHASES.map(|(name, column)| format!(", avg({column}) AS {name}")).concat();
    format!(
        "SELECT cause AS grp, count(*) AS n{means} FROM {TABLE} \
         WHERE verdict = 'slow' AND observed_seconds IS NOT NULL AND NOT censored AND {filter} GROUP BY 1"
    )
}

/// The hosts with the largest shares of slow or failed shutdowns, by the lower limit of the share (Wilson, J. Am.
/// Stat. Assoc. 22, 1927), which is the lower the fewer its shutdowns are.
pub fn worst_hosts(filter: &str, limit: usize) -> String {
    let share = format!("(CAST(sum({BAD}) AS DOUBLE) / count(*))");
    let low = format!(
        "({share} + {half} / count(*) - sqrt({Z2:?} * ({share} * (1 - {share}) / count(*) + {quarter} / count(*) / count(*)))) \
         / (1 + {Z2:?} / count(*))",
        half = Z2 / 2.0,
        quarter = Z2 / 4.0,
    );
    // A column of its own: DataFusion cannot plan an order by a term as long as this.
    format!(
        "SELECT host_name AS grp, {low} AS low FROM {TABLE} WHERE observed_seconds IS NOT NULL AND {filter} \
         GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {limit}"
    )
}

/// Slow or failed shutdowns of some hosts, by step of the calendar.
pub fn of_hosts(hosts: &[String], step: Step, filter: &str) -> String {
    let filter = format!("host_name IN ({}) AND {filter}", literals(hosts));
    by_host(step, &filter)
}

/// How many hosts have which share of slow or failed shutdowns, in per cent, by step of the calendar.
pub fn spread(step: Step, filter: &str) -> String {
    format!(
        "SELECT day, CAST(round(100.0 * bad / n) AS BIGINT) AS percent, count(*) AS hosts, sum(n) AS n FROM ({}) GROUP BY 1, 2",
        by_host(step, filter)
    )
}

fn by_host(step: Step, filter: &str) -> String {
    format!(
        "SELECT host_name AS grp, {day} AS day, count(*) AS n, sum({BAD}) AS bad FROM {TABLE} \
         WHERE observed_seconds IS NOT NULL AND requested_at IS NOT NULL AND {filter} GROUP BY 1, 2",
        day = day(step),
    )
}

/// The first day of the step that a request is in.
fn day(step: Step) -> String {
    format!("CAST(CAST(date_trunc('{}', requested_at) AS DATE) AS VARCHAR)", step.name())
}

/// Texts as SQL writes them; of none, a list that nothing is in.
fn literals(texts: &[String]) -> String {
    if texts.is_empty() {
        return "NULL".to_owned();
    }
    texts.iter().map(|text| format!("'{}'", text.replace('\'', "''"))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_the_text_that_it_is_in() {
        let statement = of_hosts(&["a' OR 'x' = 'x".to_owned()], Step::Day, "TRUE");
        assert!(statement.contains("host_name IN ('a'' OR ''x'' = ''x')"), "{statement}");
    }
}
