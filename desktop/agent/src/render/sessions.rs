//! Sessions as people read them: the beginnings of their ids.

use std::collections::BTreeMap;

use super::text::{name, visible};

/// How much of an id is shown, if that tells it from the others.
const SHORT: usize = 8;
/// An id that is hardly longer is shown whole.
const WHOLE: usize = 12;
/// More of an id than this is too wide for a table.
const LONGEST: usize = 40;

/// The sessions of one table, each with what is shown of it.
#[derive(Debug, Default)]
pub struct Sessions(BTreeMap<String, String>);

impl Sessions {
    /// Shortens them, and no two to the same.
    pub fn of<T: AsRef<str>>(ids: impl IntoIterator<Item = T>) -> Self {
        let mut all: BTreeMap<String, String> =
            ids.into_iter().map(|id| (id.as_ref().to_owned(), String::new())).collect();
        let ids: Vec<Vec<char>> = all.keys().map(|id| visible(id).chars().collect()).collect();
        // They are sorted: whatever begins most like one of them stands beside it.
        let alike =
            |a: Option<&Vec<char>>, b: &[char]| a.map_or(0, |a| a.iter().zip(b).take_while(|(x, y)| x == y).count());
        for (i, shown) in all.values_mut().enumerate() {
            let id = &ids[i];
            let before = i.checked_sub(1).and_then(|i| ids.get(i));
            let needed = SHORT.max(alike(before, id).max(alike(ids.get(i + 1), id)) + 1);
            *shown = if id.len() <= WHOLE || needed >= id.len() && id.len() <= LONGEST {
                id.iter().collect()
            } else if needed <= LONGEST {
                id.iter().take(needed).collect()
            } else {
                // Alike for so long, they differ at their ends.
                ['…'].iter().chain(&id[id.len() + 1 - LONGEST..]).collect()
            };
        }
        Self(all)
    }

    /// What is shown of one.
    pub fn shown(&self, id: &str) -> String {
        match self.0.get(id) {
            _ if id.is_empty() => "not stated".to_owned(),
            Some(shown) => shown.clone(),
            None => name(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_as_tells_them_apart() {
        let long = format!("{}{}", "x".repeat(60), "1");
        let ids = ["0199a213-0000-7000-8000-000000000001", "4f6a3b1c-9a1e", "4f6a3b1c-9b1e", "session-1", &long];
        let sessions = Sessions::of(ids);
        let shown = ids.map(|id| sessions.shown(id));
        assert_eq!(shown, ["0199a213", "4f6a3b1c-9a", "4f6a3b1c-9b", "session-1", "xxxxxxxx"]);
        let other = format!("{}{}", "x".repeat(60), "2");
        let sessions = Sessions::of([&long, &other]);
        assert_eq!(sessions.shown(&other), format!("…{}2", "x".repeat(38)));
        assert_eq!(sessions.shown(""), "not stated");
    }
}
