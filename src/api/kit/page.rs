//! Pages of a list.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::LINK;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Uri};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Json, Query, broken};
use crate::error::{Error, Field, Location, Result};

/// Items of the largest page.
const LARGEST: u32 = 100;
const X_TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// Which page is asked for.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// From 1.
    #[param(value_type = Option<u32>, default = 1, minimum = 1)]
    page: Option<i64>,
    /// How many items a page holds.
    #[param(value_type = Option<u32>, default = 20, minimum = 1, maximum = 100)]
    size: Option<i64>,
}

/// The page asked for, and where it was asked for.
#[derive(Clone, Debug)]
pub struct Paging {
    pub page: u32,
    pub size: u32,
    uri: Uri,
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Items on all pages.
    pub total: u64,
    pub page: u32,
    pub size: u32,
    /// 0 when there is no item.
    pub pages: u64,
}

/// A page with its `Link` and `X-Total-Count` headers.
#[derive(Debug)]
pub struct Paged<T>(Page<T>, Uri);

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let Query(asked) = Query::<Asked>::from_request_parts(parts, state).await?;
        let page = within("page", asked.page.unwrap_or(1), u32::MAX);
        let size = within("size", asked.size.unwrap_or(20), LARGEST);
        let uri = parts.uri.clone();
        match (page, size) {
            (Ok(page), Ok(size)) => Ok(Self { page, size, uri }),
            (page, size) => Err(broken(
                [page.err(), size.err()].into_iter().flatten().collect(),
            )),
        }
    }
}

fn within(name: &'static str, asked: i64, most: u32) -> Result<u32, Field> {
    u32::try_from(asked)
        .ok()
        .filter(|number| (1..=most).contains(number))
        .ok_or_else(|| Field {
            name: name.into(),
            location: Location::Query,
            code: "out_of_range",
            message: format!("must be between 1 and {most}").into(),
        })
}

impl Paging {
    /// This page, holding these of `total` items.
    pub fn holding<T>(self, items: Vec<T>, total: u64) -> Paged<T> {
        let page = Page {
            items,
            total,
            page: self.page,
            size: self.size,
            pages: total.div_ceil(u64::from(self.size)),
        };
        Paged(page, self.uri)
    }
}

impl<T: Serialize> IntoResponse for Paged<T> {
    fn into_response(self) -> Response {
        let Self(page, uri) = self;
        let total = HeaderValue::from(page.total);
        let links = links(&page, &uri);
        let mut response = Json(page).into_response();
        response.headers_mut().insert(X_TOTAL_COUNT, total);
        if let Ok(links) = HeaderValue::from_str(&links) {
            response.headers_mut().insert(LINK, links);
        }
        response
    }
}

/// RFC 8288, relative to where the list was asked for.
fn links<T>(page: &Page<T>, uri: &Uri) -> String {
    let last = page.pages.max(1);
    let here = u64::from(page.page);
    let mut links = vec![link(uri, 1, "first")];
    if here > 1 {
        links.push(link(uri, (here - 1).min(last), "prev"));
    }
    if here < last {
        links.push(link(uri, here + 1, "next"));
    }
    links.push(link(uri, last, "last"));
    links.join(", ")
}

fn link(uri: &Uri, page: u64, relation: &str) -> String {
    let query = uri.query().unwrap_or_default();
    let others = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "page");
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(others)
        .append_pair("page", &page.to_string())
        .finish();
    format!("<{}?{query}>; rel=\"{relation}\"", uri.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relations(page: u32, total: u64, query: &str) -> String {
        let paging = Paging {
            page,
            size: 10,
            uri: format!("/list?{query}").parse().unwrap(),
        };
        let Paged(page, uri) = paging.holding(Vec::<u8>::new(), total);
        links(&page, &uri)
    }

    #[test]
    fn a_page_in_the_middle_links_to_its_neighbours_and_keeps_the_filters() {
        assert_eq!(
            relations(2, 25, "page=2&search=a%26b"),
            "</list?search=a%26b&page=1>; rel=\"first\", </list?search=a%26b&page=1>; rel=\"prev\", \
             </list?search=a%26b&page=3>; rel=\"next\", </list?search=a%26b&page=3>; rel=\"last\""
        );
    }

    #[test]
    fn an_empty_list_has_no_neighbours() {
        assert_eq!(
            relations(1, 0, ""),
            "</list?page=1>; rel=\"first\", </list?page=1>; rel=\"last\""
        );
    }
}
