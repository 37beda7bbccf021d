// Events from a source to an exporter.
#pragma once
#include "etw/catalog.h"
#include "export/exporter.h"
#include "render/pipeline.h"
#include "render/record_filter.h"

#include <functional>
#include <memory>

namespace etw::exports {

// Runs until the source ends or the exporter fails. One thread does it all: what is written depends
// on what came before. Whoever asked for the export calls finish(). The summary counts the events
// that were wanted.
Result<render::Summary> run_export(render::RecordSource& source, render::RecordFilter& filter,
                                   Exporter& exporter,
                                   std::shared_ptr<const decode::Catalog> catalog,
                                   const std::function<void(uint64_t)>& progress);

}  // namespace etw::exports
