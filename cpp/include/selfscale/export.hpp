/// Visibility: everything is hidden but what carries this mark.
#pragma once

#define SELFSCALE_API __attribute__((visibility("default")))
