//! Lists as clients want them: a part, sorted, with a few columns.

use axum::response::{IntoResponse, Json, Response};
use regex::RegexBuilder;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Refusal;

const PAGE_SIZE: usize = 100;
const PAGE_SIZE_MAX: usize = 500;
/// Patterns that take more memory are refused.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Whether a name is wanted.
pub(super) type Filter = Box<dyn Fn(&str) -> bool + Send>;

/// What the query of a request asks for. What is not known is ignored, as in RabbitMQ.
#[derive(Deserialize)]
pub(super) struct Wanted {
    page: Option<usize>,
    page_size: Option<usize>,
    name: Option<String>,
    use_regex: Option<String>,
    columns: Option<String>,
    sort: Option<String>,
    sort_reverse: Option<String>,
}

impl Wanted {
    /// Whether a name is asked for: found out before anything is put together.
    pub(super) fn filter(&self) -> Result<Filter, Refusal> {
        let Some(name) = self.name.clone().filter(|name| !name.is_empty()) else {
            return Ok(Box::new(|_| true));
        };
        if self.use_regex.as_deref() == Some("true") {
            let pattern = RegexBuilder::new(&name).size_limit(PATTERN_BYTES_MAX).build();
            let pattern = pattern.map_err(|error| Refusal::bad_request(format!("name: {error}")))?;
            return Ok(Box::new(move |candidate| pattern.is_match(candidate)));
        }
        let name = name.to_lowercase();
        Ok(Box::new(move |candidate| candidate.to_lowercase().contains(&name)))
    }

    /// The answer. `total` is how many there are of all names.
    pub(super) fn answer(&self, mut items: Vec<Value>, total: usize) -> Result<Response, Refusal> {
        if let Some(key) = &self.sort {
            items.sort_by(|a, b| order(at(a, key), at(b, key)));
            if self.sort_reverse.as_deref() == Some("true") {
                items.reverse();
            }
        }
        let filtered = items.len();
        let Some(page) = self.page else {
            return Ok(Json(self.narrowed(items)).into_response());
        };
        let size = self.page_size.unwrap_or(PAGE_SIZE);
        if !(1..=PAGE_SIZE_MAX).contains(&size) {
            return Err(Refusal::bad_request(format!("page_size is from 1 to {PAGE_SIZE_MAX}")));
        }
        let pages = filtered.div_ceil(size).max(1);
        if !(1..=pages).contains(&page) {
            return Err(Refusal::bad_request(format!("page out of range: there are {pages}, not {page}")));
        }
        let part: Vec<Value> = items.into_iter().skip((page - 1) * size).take(size).collect();
        Ok(Json(json!({
            "filtered_count": filtered,
            "item_count": part.len(),
            "items": self.narrowed(part),
            "page": page,
            "page_count": pages,
            "page_size": size,
            "total_count": total,
        }))
        .into_response())
    }

    fn narrowed(&self, items: Vec<Value>) -> Vec<Value> {
        let Some(columns) = &self.columns else { return items };
        let columns: Vec<&str> = columns.split(',').collect();
        let narrow = |item: Value| match item {
            Value::Object(mut map) => {
                map.retain(|key, _| columns.iter().any(|it| it.split('.').next() == Some(key.as_str())));
                Value::Object(map)
            }
            other => other,
        };
        items.into_iter().map(narrow).collect()
    }
}

/// A value by its key, in objects in objects if there are points in it.
fn at<'a>(item: &'a Value, key: &str) -> &'a Value {
    key.split('.').fold(item, |item, key| &item[key])
}

fn order(a: &Value, b: &Value) -> std::cmp::Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => a.to_string().cmp(&b.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(json: Value) -> Wanted {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn names_are_found_by_part_or_by_pattern() {
        let filter = wanted(json!({ "name": "TASK" })).filter().unwrap();
        assert!(filter("my-tasks") && !filter("jobs"));
        let filter = wanted(json!({ "name": "^t.*s$", "use_regex": "true" })).filter().unwrap();
        assert!(filter("tasks") && !filter("my-tasks"));
        assert!(wanted(json!({ "name": "(", "use_regex": "true" })).filter().is_err());
    }

    #[test]
    fn columns_and_order_are_as_asked_for() {
        let items = vec![json!({ "name": "b", "messages": 2 }), json!({ "name": "a", "messages": 10 })];
        let wanted = wanted(json!({ "columns": "name,other.x" }));
        assert_eq!(wanted.narrowed(items.clone()), [json!({ "name": "b" }), json!({ "name": "a" })]);
        assert_eq!(order(at(&items[0], "messages"), at(&items[1], "messages")), std::cmp::Ordering::Less);
    }

    #[test]
    fn pages_that_there_are_not_are_refused() {
        let items = || vec![json!(1), json!(2), json!(3)];
        assert!(wanted(json!({ "page": 2, "page_size": 2 })).answer(items(), 3).is_ok());
        assert!(wanted(json!({ "page": 3, "page_size": 2 })).answer(items(), 3).is_err());
        assert!(wanted(json!({ "page": 1, "page_size": 501 })).answer(items(), 3).is_err());
    }
}
