#include "render/renderer.h"

#include "render/csv_renderer.h"
#include "render/json_renderer.h"
#include "render/text_renderer.h"
#include "render/xml_renderer.h"

namespace etw::render {

std::unique_ptr<Renderer> make_renderer(const RenderOptions& options) {
    switch (options.format) {
        case Format::kCsv:
            return std::make_unique<CsvRenderer>(options);
        case Format::kJson:
            return std::make_unique<JsonRenderer>(options);
        case Format::kXml:
            return std::make_unique<XmlRenderer>(options);
        case Format::kText:
            break;
    }
    return std::make_unique<TextRenderer>(options);
}

ClockText make_clock(const RenderOptions& options) {
    return ClockText(options.sortable_time ? ClockText::Style::kIso : ClockText::Style::kPrefix,
                     options.utc ? ClockText::Zone::kUtc : ClockText::Zone::kLocal,
                     options.high_resolution ? 7 : 3, options.zone_suffix);
}

}  // namespace etw::render
