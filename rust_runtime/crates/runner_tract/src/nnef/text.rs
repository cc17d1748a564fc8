use std::io::Read;

use tract_onnx::prelude::*;

/// Brackets in brackets. tract's parser reads what is inside again for every one.
const MOST_NESTED: usize = 16;
/// Characters between brackets and commas. A chain of operators becomes a tree as deep as it is
/// long.
const LONGEST_PART: usize = 4096;
/// Signs one behind the other, each of which the parser reads twice.
const MOST_SIGNS: usize = 4;

pub(super) fn read(entry: &mut impl Read) -> TractResult<String> {
    let mut text = String::new();
    entry.read_to_string(&mut text)?;
    Ok(text)
}

/// Refuses text that tract's parser would not come to an end with.
///
/// # Errors
/// What it is that the text has too much of.
pub(super) fn check(text: &str) -> Result<(), &'static str> {
    let (mut depth, mut part, mut signs) = (0_usize, 0, 0);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        part += 1;
        match letter {
            '"' | '\'' => step_over_literal(&mut letters)?,
            '#' => drop(letters.find(|letter| matches!(letter, '\r' | '\n'))),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match letter {
            '+' | '-' | '!' => signs += 1,
            letter if letter.is_whitespace() || letter == '#' => {}
            _ => signs = 0,
        }
        if matches!(letter, '(' | '[' | '{' | ')' | ']' | '}' | ',' | ';') {
            part = 0;
        }
        if depth > MOST_NESTED {
            return Err("its graph has too many brackets in brackets");
        }
        if part > LONGEST_PART || signs > MOST_SIGNS {
            return Err("its graph has too many operators in a row");
        }
    }
    Ok(())
}

/// Steps over the rest of a text literal, as the parser does: either quote ends it.
fn step_over_literal(letters: &mut std::str::Chars<'_>) -> Result<(), &'static str> {
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '"' | '\'' => return Ok(()),
            _ => {}
        }
    }
    Err("its graph has a text without an end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_graphs_pass() {
        for text in [
            "graph g(x) -> (y) { y = add(x, [[[[-0.5]]]]); } # ((((((((((((((((((((((",
            "x = external(shape = [batch, (height + -3) / 2]); l = '((((((((((((((((((((((((';",
            "s = \"a \\\" ((((((((((((((((((((((((\";",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_the_parser_would_choke_on_is_refused() {
        for text in [
            "(".repeat(MOST_NESTED + 1),
            "[(".repeat(MOST_NESTED),
            format!("y = {}x;", "- ".repeat(MOST_SIGNS + 1)),
            format!("y = {}x;", "-# c\n".repeat(MOST_SIGNS + 1)),
            format!("y = {}x;", "x * ".repeat(LONGEST_PART)),
            // A quote inside a comment opens nothing.
            format!("# '\n{}", "(".repeat(MOST_NESTED + 1)),
            "l = 'no end".to_owned(),
        ] {
            assert!(check(&text).is_err(), "{text}");
        }
    }
}
