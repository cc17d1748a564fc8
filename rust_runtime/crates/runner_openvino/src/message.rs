use runner_core::LoadErrorKind;

/// OpenVINO's messages can run to pages.
const LONGEST: usize = 300;
/// Lines that only introduce what follows.
const PREAMBLES: [&str; 4] =
    ["FrontEnd API failed with", "Model wasn't fully converted", "Summary:", "Loading input model"];

/// One line of bounded length, without the source locations of OpenVINO's build.
pub(crate) fn one_line(message: &str) -> String {
    let lines = message.lines().map(without_locations);
    let telling: Vec<String> = lines
        .map(|line| line.trim().trim_start_matches("-- ").to_owned())
        .filter(|line| !line.is_empty() && !PREAMBLES.iter().any(|start| line.starts_with(start)))
        .collect();
    let joined = telling.join("; ");
    match joined.char_indices().nth(LONGEST) {
        _ if joined.is_empty() => "it gives no reason".to_owned(),
        None => joined,
        Some((end, _)) => format!("{}…", &joined[..end]),
    }
}

/// Cuts `Exception from FILE:LINE:` and `Check 'CODE' failed at FILE:LINE:` out of a line.
fn without_locations(line: &str) -> String {
    let mut line = line.to_owned();
    for (opening, closing) in [("Exception from ", ""), ("Check '", " failed at ")] {
        while let Some(start) = line.find(opening) {
            let Some(place) = line[start..].find(closing).map(|place| start + place) else {
                break;
            };
            let rest = &line[place + closing.len()..];
            // A location ends in a colon at a word's end.
            let end = rest.find(": ").map_or(rest.len(), |end| end + 2);
            line = format!("{}{}", &line[..start], &rest[end..]);
        }
    }
    line
}

/// What a model that OpenVINO cannot read has wrong, told by its message.
pub(crate) fn refusal(message: &str) -> (LoadErrorKind, String) {
    let after = |marker: &str| {
        let start = message.find(marker)? + marker.len();
        message[start..].lines().next().map(operators).filter(|names| !names.is_empty())
    };
    if let Some(names) = after("No conversion rule found for operations:") {
        let reason = "OpenVINO does not know it";
        return (LoadErrorKind::Unsupported, format!("operator {names}: {reason}"));
    }
    if let Some(names) = after("Conversion is failed for:") {
        let reason = one_line(message);
        return (LoadErrorKind::Unsupported, format!("operator {names}: {reason}"));
    }
    let unsupported = message.contains("Unsupported operator version");
    let kind = if unsupported { LoadErrorKind::Unsupported } else { LoadErrorKind::Corrupt };
    (kind, one_line(message))
}

/// The operators of a list like `Frobnicate-14, com.example.Twist-1`.
fn operators(list: &str) -> String {
    let name = |item: &str| {
        let item = item.trim();
        item.rsplit_once('-').map_or(item, |(name, _)| name).to_owned()
    };
    list.split(',').map(name).filter(|name| !name.is_empty()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNKNOWN: &str = "Exception from src/inference/src/cpp/core.cpp:84:\n\
        Check 'false' failed at src/frontends/common/src/report.cpp:151:\n\
        FrontEnd API failed with OpConversionFailure:\n\
        Model wasn't fully converted.\n\
        Summary:\n-- No conversion rule found for operations: Frobnicate-14, a.b.Twist-1\n";

    #[test]
    fn locations_and_preambles_are_left_out() {
        let message = "Exception from src/core.cpp:84:\n\
            While validating node 'If': Check 'a != b' failed at src/if.cpp:84: no branch\n\
            Loading input model\n";
        assert_eq!(one_line(message), "While validating node 'If': no branch");
        assert_eq!(one_line("Exception from src/core.cpp:84:\n"), "it gives no reason");
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let cut = one_line(&"é\n".repeat(1000));
        assert_eq!(cut.chars().count(), LONGEST + 1);
        assert!(cut.ends_with('…') && !cut.contains('\n'));
    }

    #[test]
    fn operators_are_named() {
        let (kind, message) = refusal(UNKNOWN);
        assert_eq!(kind, LoadErrorKind::Unsupported);
        assert_eq!(message, "operator Frobnicate, a.b.Twist: OpenVINO does not know it");
        let failed = "-- If-14 with a message:\nMissing 'else_branch' attribute\n\
            -- Conversion is failed for: If-14";
        let (kind, message) = refusal(failed);
        assert_eq!(kind, LoadErrorKind::Unsupported);
        assert!(message.starts_with("operator If: ") && message.contains("else_branch"));
        assert_eq!(refusal("Model can't be parsed").0, LoadErrorKind::Corrupt);
        let version = "Unsupported operator version: Add:99";
        assert_eq!(refusal(version), (LoadErrorKind::Unsupported, version.to_owned()));
    }
}
