//! How large a document is with its fragments written out. Two dozen fragments that each spread the next one twice unfold to
//! millions of fields, and validation walks them all before any bound on depth or weight speaks: so this is counted first,
//! each fragment once. What is wrong with a document otherwise is the validator's to say.

use crate::error::{Code, Error, Result};
use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use std::collections::HashMap;

/// The most fields of a document with its fragments written out, over all its operations.
const UNFOLDED_MAX: usize = 10_000;

/// Refuses a document that unfolds to more than its reader could mean.
pub fn check(document: &ExecutableDocument) -> Result<()> {
    let mut known = HashMap::new();
    let mut all = 0usize;
    for (_, operation) in document.operations.iter() {
        all = all.saturating_add(fields(&operation.node.selection_set.node, document, &mut known));
    }
    if all > UNFOLDED_MAX {
        return Err(Error::new(
            Code::InvalidRequest,
            format!("The query asks for more than {UNFOLDED_MAX} fields once its fragments are written out."),
        ));
    }
    Ok(())
}

/// The fields of a selection, spreads included. `known` holds what each fragment counts, and 0 while it is being counted: a
/// circle ends there, and the validator refuses it.
fn fields<'a>(
    selection: &'a SelectionSet,
    document: &'a ExecutableDocument,
    known: &mut HashMap<&'a Name, usize>,
) -> usize {
    selection.items.iter().fold(0usize, |sum, item| {
        let one = match &item.node {
            Selection::Field(field) => fields(&field.node.selection_set.node, document, known).saturating_add(1),
            Selection::InlineFragment(inline) => fields(&inline.node.selection_set.node, document, known),
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                match (known.get(name), document.fragments.get(name)) {
                    (Some(count), _) => *count,
                    (None, None) => 0,
                    (None, Some(fragment)) => {
                        known.insert(name, 0);
                        let count = fields(&fragment.node.selection_set.node, document, known).saturating_add(1);
                        known.insert(name, count);
                        count
                    }
                }
            }
        };
        sum.saturating_add(one)
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::check;
    use async_graphql::parser::parse_query;

    #[test]
    fn fragments_that_double_are_counted_and_not_walked() {
        let doubling = |n: u32| {
            let chain: String =
                (0..n).map(|i| format!("fragment f{i} on Query {{ ...f{next} ...f{next} }} ", next = i + 1)).collect();
            format!("{{ ...f0 }} {chain} fragment f{n} on Query {{ viewer {{ id }} }}")
        };
        check(&parse_query(doubling(8)).unwrap()).unwrap();
        for n in [16, 64, 500] {
            assert!(check(&parse_query(doubling(n)).unwrap()).is_err(), "{n}");
        }
        let circle = "{ ...a } fragment a on Query { ...b viewer { id } } fragment b on Query { ...a ...a ...none }";
        check(&parse_query(circle).unwrap()).unwrap();
    }
}
