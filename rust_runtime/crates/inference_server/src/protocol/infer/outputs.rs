use super::input::no_shared_memory;
use crate::{
    ServerError,
    protocol::{Result, Target, Terms, json::Reader, wanted::check_name},
};

/// Takes `outputs`: those that are wanted, and how each is to be written. None at all means all.
pub(super) fn read(
    reader: &mut Reader<'_>,
    target: &Target<'_>,
    most: usize,
    terms: &mut Terms,
) -> Result<()> {
    let mut names: Vec<String> = Vec::new();
    reader.array(|reader| {
        if names.len() == most {
            let message = format!("more than {most} outputs are asked for");
            return Err(ServerError::bad_input(message));
        }
        let (name, binary) = output(reader)?;
        check_name(&name, &names, target)?;
        if let Some(binary) = binary {
            terms.form.by_output.push((name.clone(), binary));
        }
        names.push(name);
        Ok(())
    })?;
    terms.outputs = Some(names).filter(|names| !names.is_empty());
    Ok(())
}

fn output(reader: &mut Reader<'_>) -> Result<(String, Option<bool>)> {
    let (mut name, mut binary) = (None, None);
    reader.object(|reader, key| {
        match key {
            "name" => name = Some(reader.string()?.into_owned()),
            "parameters" if reader.null() => {}
            "parameters" => reader.object(|reader, key| {
                match key {
                    "binary_data" => binary = Some(reader.boolean()?),
                    "classification" => return Err(no_classification()),
                    _ if key.starts_with("shared_memory") => return Err(no_shared_memory()),
                    _ => reader.skip()?,
                }
                Ok(())
            })?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let name = name.ok_or_else(|| ServerError::bad_input("an output has no name"))?;
    Ok((name, binary))
}

fn no_classification() -> ServerError {
    let message = "outputs are not sorted into classes here; ask for the output as it is, or send \
                   a picture to /predict";
    ServerError::bad_input(message)
}
