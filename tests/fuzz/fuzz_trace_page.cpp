// A page of the kernel's trace ring buffer, with any bytes in it.
#include "kernel/tracefs/page_walker.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const etw::Bytes page = std::as_bytes(std::span(data, size));
    etw::kernel::PageWalker walker(page);
    size_t events = 0;
    for (etw::kernel::PageWalker::Event event; walker.next(event);) {
        // A view of the page, behind the one before; an entry has a header of 4 bytes.
        if (event.data.data() < page.data() + 16) std::abort();
        if (event.data.data() + event.data.size() > page.data() + size) std::abort();
        if (++events * 4 > size) std::abort();
    }
    etw::kernel::PageWalker::Event event;
    if (walker.next(event)) std::abort();
    return 0;
}
