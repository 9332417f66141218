//! What the compiler says to users of `#[observe]`: a case for each rule.
//!
//! It builds the dependencies once more, which takes minutes, so it runs when `WARMSPAN_UI` is set.
//! `WARMSPAN_UI=1 TRYBUILD=overwrite cargo test --test ui` writes the expected messages anew.

#[test]
fn every_rule_has_a_case() {
    if std::env::var_os("WARMSPAN_UI").is_none() {
        println!("not asked for: set WARMSPAN_UI=1");
        return;
    }
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
