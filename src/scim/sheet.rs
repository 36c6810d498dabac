//! What clients may write of a user, as one JSON object of the RFC's shape under canonical names: read from a whole user (POST,
//! PUT) by the schema, changed in place by PATCH operations. What is read-only or unknown never gets in. What the entries mean
//! is said in `users.rs`.

use super::filter::{Filter, Literal, Op};
use super::patch::{Operation, Verb};
use super::path::{each, shown};
use super::quirks;
use super::schema::{Attribute, Kind, Mutability, Type};
use super::wire::unreadable;
use crate::error::{Code, Error, Result};
use serde_json::{Map, Value};

/// The longest text of one value, in characters.
const TEXT_MAX: usize = 1_024;
/// The most values of one attribute.
const VALUES_MAX: usize = 32;

/// The object.
pub(super) type Sheet = Map<String, Value>;

/// What of a whole resource clients may write. Unknown attributes are passed over, as the RFC lets servers do.
///
/// # Errors
/// [`Code::InvalidValue`] for a value of a wrong type, [`Code::InvalidSyntax`] where one attribute stands twice.
pub(super) fn read(kind: &Kind, body: &Map<String, Value>) -> Result<Sheet> {
    let mut sheet = Sheet::new();
    for (key, value) in body {
        match kind.extensions.iter().find(|e| e.id.eq_ignore_ascii_case(key)) {
            Some(extension) => {
                let Value::Object(fields) = value else {
                    if value.is_null() {
                        continue;
                    }
                    return Err(Error::invalid(format!("'{}' is an object of attributes.", shown(key))));
                };
                for (name, value) in fields {
                    enter(kind, &mut sheet, Some(extension.id), name, value)?;
                }
            }
            None => enter(kind, &mut sheet, None, key, value)?,
        }
    }
    Ok(sheet)
}

fn enter(kind: &Kind, sheet: &mut Sheet, urn: Option<&str>, name: &str, given: &Value) -> Result<()> {
    let Some(found) = kind.find(urn, name).filter(|f| f.attribute.mutability != Mutability::ReadOnly) else {
        return Ok(());
    };
    let Some(value) = value(found.attribute, given)? else { return Ok(()) };
    let home = match found.extension {
        Some(extension) => below(sheet, extension.id)?,
        None => sheet,
    };
    if home.insert(found.attribute.name.to_owned(), value).is_some() {
        return Err(unreadable(format!("'{}' stands twice.", found.attribute.name)));
    }
    Ok(())
}

/// The attributes of an extension.
fn below<'s>(sheet: &'s mut Sheet, urn: &str) -> Result<&'s mut Sheet> {
    match sheet.entry(urn.to_owned()).or_insert_with(|| Value::Object(Map::new())) {
        Value::Object(inner) => Ok(inner),
        _ => Err(Error::internal("an extension that is no object")),
    }
}

fn wrong(attribute: &Attribute, is: &str) -> Error {
    Error::invalid(format!("'{}' is {is}.", attribute.name))
}

/// The value of an attribute as the schema has it; nothing for null and for an empty list.
fn value(attribute: &Attribute, given: &Value) -> Result<Option<Value>> {
    if given.is_null() {
        return Ok(None);
    }
    if !attribute.multi {
        return one(attribute, given).map(Some);
    }
    let elements = quirks::elements(given.clone());
    let elements = elements.iter().filter(|v| !v.is_null()).map(|v| one(attribute, v)).collect::<Result<Vec<_>>>()?;
    check_many(attribute, &elements)?;
    Ok((!elements.is_empty()).then_some(Value::Array(elements)))
}

fn check_many(attribute: &Attribute, elements: &[Value]) -> Result<()> {
    if elements.len() > VALUES_MAX {
        return Err(Error::invalid(format!("'{}' has at most {VALUES_MAX} values.", attribute.name)));
    }
    if elements.iter().filter(|e| is_primary(e)).count() > 1 {
        return Err(Error::invalid(format!("Of '{}' one value at most is primary.", attribute.name)));
    }
    Ok(())
}

pub(super) fn is_primary(element: &Value) -> bool {
    element["primary"] == Value::Bool(true)
}

/// One value.
fn one(attribute: &Attribute, given: &Value) -> Result<Value> {
    Ok(match attribute.kind {
        Type::String | Type::Reference | Type::DateTime => match given {
            Value::String(text) => Value::String(check_text(attribute, text)?),
            _ => return Err(wrong(attribute, "text")),
        },
        Type::Boolean => Value::Bool(quirks::boolean(given).ok_or_else(|| wrong(attribute, "true or false"))?),
        Type::Integer => Value::from(given.as_i64().ok_or_else(|| wrong(attribute, "a whole number"))?),
        Type::Complex => match given {
            Value::Object(fields) => {
                let mut out = Map::new();
                for (key, given) in fields {
                    let part = attribute.part(key).filter(|p| p.mutability != Mutability::ReadOnly);
                    let Some(part) = part else { continue };
                    if let Some(value) = value(part, given)?
                        && out.insert(part.name.to_owned(), value).is_some()
                    {
                        return Err(unreadable(format!("'{}.{}' stands twice.", attribute.name, part.name)));
                    }
                }
                Value::Object(out)
            }
            Value::String(_) if attribute.part("value").is_some() => {
                let text = quirks::value_of(given).unwrap_or_default();
                serde_json::json!({ "value": check_text(attribute, text)? })
            }
            _ => return Err(wrong(attribute, "an object")),
        },
    })
}

fn check_text(attribute: &Attribute, text: &str) -> Result<String> {
    if text.chars().count() > TEXT_MAX {
        return Err(wrong(attribute, &format!("longer than {TEXT_MAX} characters")));
    }
    // A postal address has lines.
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(Error::invalid(format!("'{}' holds a control character.", attribute.name)));
    }
    Ok(text.to_owned())
}

/// Applies one PATCH operation (RFC 7644 §3.5.2.1 to §3.5.2.3).
///
/// # Errors
/// [`Code::InvalidPath`], [`Code::Mutability`] for what is read-only, [`Code::NoTarget`] for a filter that chooses nothing,
/// [`Code::InvalidValue`].
pub(super) fn apply(kind: &Kind, sheet: &mut Sheet, operation: &Operation) -> Result<()> {
    let target = operation.path.resolve(kind)?;
    let (attribute, part) = (target.found.attribute, target.part);
    if target.is_read_only() {
        return Err(Error::new(
            Code::Mutability,
            format!("'{}' cannot be changed.", shown(&operation.path.attr.to_string())),
        ));
    }
    let home = match target.found.extension {
        Some(extension) => below(sheet, extension.id)?,
        None => &mut *sheet,
    };
    if let Some(given) = &operation.value {
        says_something(part.unwrap_or(attribute), given)?;
    }
    let slot = home.remove(attribute.name);
    let chosen = operation.path.filter.as_ref();
    let left = match (operation.verb, &operation.value) {
        (Verb::Remove, given) => remove(attribute, part, chosen, given.as_ref(), slot)?,
        (_, None) => slot,
        (verb, Some(given)) => set(attribute, part, chosen, verb, given, slot)?,
    };
    if let Some(left) = left {
        home.insert(attribute.name.to_owned(), left);
    }
    sheet.retain(|_, value| value.as_object().is_none_or(|fields| !fields.is_empty()));
    Ok(())
}

/// Refuses an object of which nothing is known or may be changed: what is answered 200 was done.
fn says_something(attribute: &Attribute, given: &Value) -> Result<()> {
    let writable = |key: &String| attribute.part(key).is_some_and(|p| p.mutability != Mutability::ReadOnly);
    let objects = each(given).into_iter().filter_map(Value::as_object);
    match objects.filter(|fields| !fields.is_empty()).find(|fields| !fields.keys().any(writable)) {
        Some(fields) if attribute.kind == Type::Complex => {
            let names: Vec<String> = fields.keys().map(|key| shown(key)).collect();
            Err(Error::invalid(format!("'{}' has nothing to change named '{}'.", attribute.name, names.join("', '"))))
        }
        _ => Ok(()),
    }
}

fn set(
    attribute: &'static Attribute,
    part: Option<&'static Attribute>,
    chosen: Option<&Filter>,
    verb: Verb,
    given: &Value,
    slot: Option<Value>,
) -> Result<Option<Value>> {
    let Some(part) = part else {
        return match (attribute.multi, chosen) {
            (true, Some(filter)) => {
                choose(attribute, filter, verb, verb == Verb::Replace, one(attribute, given)?, slot)
            }
            (true, None) if verb == Verb::Add => append(attribute, slot, given),
            // What of a complex value is not named stays.
            (false, _) if attribute.kind == Type::Complex => Ok(Some(merged(slot, one(attribute, given)?))),
            _ => value(attribute, given),
        };
    };
    let mut patch = Map::new();
    if let Some(value) = value(part, given)? {
        patch.insert(part.name.to_owned(), value);
    }
    let patch = Value::Object(patch);
    match (attribute.multi, chosen) {
        (true, Some(filter)) => choose(attribute, filter, verb, false, patch, slot),
        (true, None) => {
            let mut all = elements(slot);
            match all.is_empty() {
                true => all.push(patch),
                false => all = all.into_iter().map(|e| merged(Some(e), patch.clone())).collect(),
            }
            check_many(attribute, &all)?;
            Ok(Some(Value::Array(all)))
        }
        (false, _) => Ok(Some(merged(slot, patch))),
    }
}

/// Changes the values that `filter` chooses: each becomes `patch` where `whole`, else takes what it names. An `add` that chooses
/// nothing makes a value that the filter would choose, as Entra ID expects of `emails[type eq "work"].value`.
fn choose(
    attribute: &'static Attribute,
    filter: &Filter,
    verb: Verb,
    whole: bool,
    patch: Value,
    slot: Option<Value>,
) -> Result<Option<Value>> {
    let chosen = filter.bind_to(attribute)?;
    let (mut all, mut hit) = (elements(slot), vec![]);
    for (at, element) in all.iter_mut().enumerate().filter(|(_, e)| chosen.matches(e)) {
        let old = element.take();
        *element = if whole { patch.clone() } else { merged(Some(old), patch.clone()) };
        hit.push(at);
    }
    if hit.is_empty() {
        let described = if verb == Verb::Add { described(filter) } else { None };
        let Some(described) = described else { return Err(no_target(attribute)) };
        hit.push(all.len());
        all.push(merged(Some(one(attribute, &Value::Object(described))?), patch));
    }
    if hit.iter().any(|at| is_primary(&all[*at])) {
        let others = all.iter_mut().enumerate().filter(|(at, _)| !hit.contains(at));
        others.filter_map(|(_, e)| e.as_object_mut()).for_each(|fields| drop(fields.remove("primary")));
    }
    check_many(attribute, &all)?;
    Ok(Some(Value::Array(all)))
}

fn no_target(attribute: &Attribute) -> Error {
    Error::new(Code::NoTarget, format!("No value of '{}' is the one that the path asks for.", attribute.name))
}

/// The parts of a value that a filter made of equalities describes.
fn described(filter: &Filter) -> Option<Map<String, Value>> {
    match filter {
        Filter::Compare(attr, Op::Eq, literal) => {
            let value = match literal {
                Literal::Text(text) => Value::from(text.as_str()),
                Literal::Bool(on) => Value::from(*on),
                Literal::Null | Literal::Number(_) => return None,
            };
            Some(Map::from_iter([(attr.name.clone(), value)]))
        }
        Filter::And(all) => {
            let mut out = Map::new();
            for one in all {
                out.extend(described(one)?);
            }
            Some(out)
        }
        _ => None,
    }
}

fn remove(
    attribute: &'static Attribute,
    part: Option<&'static Attribute>,
    filter: Option<&Filter>,
    given: Option<&Value>,
    slot: Option<Value>,
) -> Result<Option<Value>> {
    if !attribute.multi {
        let Some(part) = part else { return Ok(None) };
        let Some(Value::Object(mut fields)) = slot else { return Ok(slot) };
        fields.remove(part.name);
        return Ok((!fields.is_empty()).then_some(Value::Object(fields)));
    }
    let mut all = elements(slot);
    match (filter, given) {
        (Some(filter), _) => {
            let chosen = filter.bind_to(attribute)?;
            if !all.iter().any(|e| chosen.matches(e)) {
                return Err(no_target(attribute));
            }
            match part {
                None => all.retain(|e| !chosen.matches(e)),
                Some(part) => all.iter_mut().filter(|e| chosen.matches(e)).for_each(|e| lose(e, part)),
            }
        }
        (None, Some(given)) if part.is_none() => {
            // Only what is named: a client that lists values does not mean all of them.
            let named: Vec<&str> = each(given).into_iter().filter_map(quirks::value_of).collect();
            let whole = each(given);
            all.retain(|e| {
                !whole.contains(&e)
                    && !e["value"].as_str().is_some_and(|v| named.iter().any(|n| n.eq_ignore_ascii_case(v)))
            });
        }
        (None, _) => match part {
            None => all.clear(),
            Some(part) => all.iter_mut().for_each(|e| lose(e, part)),
        },
    }
    all.retain(|e| e.as_object().is_none_or(|fields| !fields.is_empty()));
    Ok((!all.is_empty()).then_some(Value::Array(all)))
}

fn lose(element: &mut Value, part: &Attribute) {
    if let Some(fields) = element.as_object_mut() {
        fields.remove(part.name);
    }
}

fn elements(slot: Option<Value>) -> Vec<Value> {
    slot.map(quirks::elements).unwrap_or_default()
}

/// An object with the members of another written over its own.
fn merged(slot: Option<Value>, patch: Value) -> Value {
    match (slot, patch) {
        (Some(Value::Object(mut fields)), Value::Object(patch)) => {
            fields.extend(patch);
            Value::Object(fields)
        }
        (_, patch) => patch,
    }
}

/// Adds values that are not there already; a new primary one takes that mark from the old.
fn append(attribute: &Attribute, slot: Option<Value>, given: &Value) -> Result<Option<Value>> {
    let mut all = elements(slot);
    let Some(Value::Array(new)) = value(attribute, given)? else { return Ok(Some(Value::Array(all))) };
    for element in new {
        if all.contains(&element) {
            continue;
        }
        if is_primary(&element) {
            all.iter_mut().filter_map(Value::as_object_mut).for_each(|fields| {
                fields.remove("primary");
            });
        }
        all.push(element);
    }
    check_many(attribute, &all)?;
    Ok(Some(Value::Array(all)))
}
