//! Pictures as Anthropic accepts them.

use crate::check::{At, Checked};
use crate::pictures;

/// A picture in base64, at an address or among the uploaded files.
pub(super) fn read_picture(block: &At<'_>) -> Checked<String> {
    let source = block.need("source")?;
    match source.need("type")?.one_of(&["base64", "url", "file"])? {
        "base64" => {
            let kind = source.need("media_type")?;
            let data = source.need("data")?;
            kind.one_of(pictures::FORMATS)?;
            pictures::inline(kind.text()?, data.text()?)
                .map_err(|_| data.breaks(format!("{}: invalid base64 data", data.path.dotted())))
        }
        "url" => {
            let url = source.need("url")?;
            let text = url.text()?;
            let seen = pictures::at(text)
                .ok()
                .filter(|_| text.starts_with("https://"));
            seen.ok_or_else(|| url.breaks("Only HTTPS URLs are supported."))
        }
        _ => source.need("file_id")?.text().map(str::to_owned),
    }
}
