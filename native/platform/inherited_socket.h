// A socket that the program which starts this process has opened for it, and names in an environment variable.
#pragma once

namespace pairloom {

// Whether the socket that `variable` names by its number is open, or no such variable is set. Programs between the other
// program and this one may have closed it: npx does not pass on files that it does not know. Where the system allows it, this
// process then takes the socket from one of them, and sets the variable to its number here. These are the processes above this
// one that have the same values of `variable` and of `owner`, which says for whom the socket is.
bool has_inherited_socket(const char* variable, const char* owner);

}  // namespace pairloom
