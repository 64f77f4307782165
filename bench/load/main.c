#include "load.h"

#include <string.h>

int main(int argc, char **argv)
{
    parse_options(argc, argv);
    if (!strcmp(options.mode, "fanout")) run_fanout();
    else if (!strcmp(options.mode, "echo")) run_echo();
    else if (!strcmp(options.mode, "idle")) run_idle();
    else if (!strcmp(options.mode, "post")) run_post();
    else fail("unknown mode %s", options.mode);
}
