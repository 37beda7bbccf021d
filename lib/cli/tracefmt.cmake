set(ETW_CLI_TRACEFMT_SOURCES
  interrupt.cpp output.cpp tracefmt.cpp tracefmt_help.cpp tracefmt_input.cpp tracefmt_live.cpp
  tracefmt_messages.cpp
  tracefmt_options.cpp tracefmt_progress.cpp tracefmt_report.cpp)
