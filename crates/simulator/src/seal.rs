//! Proofs that the simulator gives with thoughts, and knows again when they come back.

use crate::draw::Draw;

/// How many letters at the end of a proof follow from the others.
const CHECK: usize = 16;

/// A proof of so many letters besides those that it is known by. It holds for its owner only: a
/// model, or a model and what it thought.
pub(crate) fn sealed(owner: &[&str], length: usize, draw: &mut Draw) -> String {
    let letters = draw.alnum(length);
    let check = check(owner, &letters);
    letters + &check
}

/// Whether this proof was given to this owner.
pub(crate) fn is_sealed(owner: &[&str], proof: &str) -> bool {
    let cut = proof.len().checked_sub(CHECK);
    let halves = cut.and_then(|cut| proof.split_at_checked(cut));
    halves.is_some_and(|(letters, end)| check(owner, letters) == end)
}

fn check(owner: &[&str], letters: &str) -> String {
    let mut parts: Vec<&[u8]> = owner.iter().map(|part| part.as_bytes()).collect();
    parts.push(letters.as_bytes());
    Draw::new(0, &parts).alnum(CHECK)
}

#[cfg(test)]
mod tests {
    use super::{Draw, is_sealed, sealed};

    #[test]
    fn a_proof_holds_for_its_owner_only() {
        let mut draw = Draw::new(7, &[]);
        let proof = sealed(&["claude-sonnet-5", "hm"], 40, &mut draw);
        assert!(is_sealed(&["claude-sonnet-5", "hm"], &proof));
        assert!(!is_sealed(&["claude-opus-5", "hm"], &proof));
        assert!(!is_sealed(&["claude-sonnet-5", "hm!"], &proof));
        assert!(!is_sealed(&["claude-sonnet-5", "hm"], &format!("x{proof}")));
        assert!(!is_sealed(&["claude-sonnet-5", "hm"], "short"));
        assert!(!is_sealed(
            &["claude-sonnet-5", "hm"],
            "Zeichen mit Ümläuten am Ende: ü"
        ));
    }
}
