// Which web pages may call a server. A page of any site can make the browser of its reader send requests to
// the reader's own machine; browsers say in the header Origin where a page came from.
// Thread safety: pure function.
#pragma once

#include <string_view>

namespace fathom::server {

// `origin` and `host` are the headers of a request, empty where it has none; `allowed` is the origin that may
// call ("*": all; empty: none). A page that this server itself sent may always call it, if the server goes by
// a name that only this machine or an address can have: a foreign site can give its own name any address.
bool may_call(std::string_view origin, std::string_view host, std::string_view allowed);

}  // namespace fathom::server
