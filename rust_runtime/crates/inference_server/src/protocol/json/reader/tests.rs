use super::*;

fn skip(text: &str) -> Result<()> {
    let mut reader = Reader::new(text.as_bytes(), 100)?;
    reader.skip()?;
    reader.end()
}

#[test]
fn what_is_json_is_taken() {
    let texts = [
        "{}",
        "[]",
        " [ 1 , -0.5e+3 , \"a\\u00e9\\n\" , true , false , null ] ",
        r#"{"a":{"b":[{}]},"":0}"#,
        "0",
        "\"\"",
    ];
    for text in texts {
        assert!(skip(text).is_ok(), "{text}: {:?}", skip(text));
    }
}

#[test]
fn what_is_not_json_is_refused() {
    let texts = [
        "",
        "  ",
        "{",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "tru",
        "nul",
        "NaN",
        "-Infinity",
        "Infinity",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "-",
        "0x10",
        "[1]]",
        "{} {}",
        "\"a",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\n\"",
        "// a\n1",
        "\u{feff}1",
    ];
    for text in texts {
        assert!(skip(text).is_err(), "{text}");
    }
}

#[test]
fn invalid_utf8_is_refused_with_its_place() {
    let error = Reader::new(b"{\"a\": \"\xff\"}", 100).unwrap_err();
    assert!(error.message().contains("byte 7"), "{error}");
    let error = Reader::new("\u{feff}{}".as_bytes(), 100).unwrap_err();
    assert!(error.message().contains("byte order mark"), "{error}");
}

#[test]
fn nesting_is_bounded_whatever_is_nested() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        assert!(skip(&nested(50)).is_ok());
        assert!(skip(&nested(100)).is_ok());
        for depth in [101, 120, 250_000] {
            let error = skip(&nested(depth)).unwrap_err();
            assert!(error.message().contains("100 deep"), "{error}");
        }
    }
    assert!(skip(&"[".repeat(250_000)).is_err());
    let wide = format!("[{}]", vec!["[[1]]"; 10_000].join(","));
    assert!(skip(&wide).is_ok(), "levels that are closed count no more");
}

#[test]
fn a_key_that_comes_twice_is_refused_however_it_is_written() {
    for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"[{"b":{"c":1,"d":2,"c":3}}]"#] {
        let error = skip(text).unwrap_err();
        assert!(error.message().contains("twice"), "{error}");
    }
}

#[test]
fn an_error_says_where_and_what_was_expected() {
    let error = skip("[1, x]").unwrap_err();
    assert!(error.message().contains("byte 4 of the JSON is 'x'"), "{error}");
    let error = skip("[1").unwrap_err();
    assert!(error.message().contains("the JSON ends"), "{error}");
}
