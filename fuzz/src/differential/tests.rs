//! Each rule is met, and has its entry.

use std::collections::BTreeSet;

use super::{Case, Rule, opening, tungstenite, websockets};

/// The examples of `rules`, each explained by its own.
fn examples(rules: &[Rule], deflate: bool, differ: fn(&Case) -> Option<&'static str>) {
    for rule in rules {
        let case = Case::new(rule.example, deflate).unwrap();
        assert_eq!(differ(&case), Some(rule.entry), "{case:?}");
    }
}

#[test]
fn each_rule_of_tungstenite_explains_its_example() {
    examples(tungstenite::RULES, false, tungstenite::differ);
}

#[test]
fn each_rule_of_websockets_explains_its_example() {
    examples(websockets::RULES, true, websockets::differ);
}

#[test]
fn each_rule_of_an_opening_explains_its_example() {
    for rule in opening::TUNGSTENITE {
        let case = opening::Case::new(rule.example).unwrap();
        let found = opening::differ_tungstenite(&case);
        assert_eq!(found, Some(rule.entry), "{case:?}");
    }
    for rule in opening::WEBSOCKETS {
        let case = opening::Case::new(rule.example).unwrap();
        let found = opening::differ_websockets(&case);
        assert_eq!(found, Some(rule.entry), "{case:?}");
    }
}

#[test]
fn each_rule_has_its_entry_and_each_entry_its_rule() {
    let page = include_str!("../../DIFFERENCES.md");
    let entries: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .filter_map(|heading| heading.split_whitespace().next())
        .collect();
    let rules = tungstenite::RULES.iter().chain(websockets::RULES);
    let opening = opening::TUNGSTENITE.iter().chain(opening::WEBSOCKETS);
    let opening = opening.map(|rule| rule.entry);
    let rules: BTreeSet<&str> = rules.map(|rule| rule.entry).chain(opening).collect();
    assert_eq!(rules, entries);
}
