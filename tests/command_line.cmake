# The `fathom` program as people run it: end to end, on golden models and on bad input.
fathom_test(command_line_test SOURCES command_line_test.cc command_line_bad_input_test.cc
            command_line_eval_test.cc testing/program.cc
            ROOMS formats LIBRARIES Boost::json)
target_compile_definitions(command_line_test PRIVATE FATHOM_PROGRAM="$<TARGET_FILE:fathom>")
add_dependencies(command_line_test fathom nano)
