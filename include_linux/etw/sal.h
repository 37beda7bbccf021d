/* What Windows' analyser reads in declarations, by the names of the Windows SDK's header of this
 * name: the callbacks and wrappers of event sources are often annotated. Nothing to a compiler. */
#pragma once
#pragma GCC system_header

#define _In_
#define _In_opt_
#define _In_z_
#define _In_opt_z_
#define _In_reads_(n)
#define _In_reads_opt_(n)
#define _In_reads_z_(n)
#define _In_reads_bytes_(n)
#define _In_reads_bytes_opt_(n)
#define _In_range_(least, most)
#define _Inout_
#define _Inout_opt_
#define _Inout_z_
#define _Inout_updates_(n)
#define _Inout_updates_opt_(n)
#define _Inout_updates_bytes_(n)
#define _Out_
#define _Out_opt_
#define _Out_writes_(n)
#define _Out_writes_opt_(n)
#define _Out_writes_z_(n)
#define _Out_writes_bytes_(n)
#define _Out_writes_to_(n, count)
#define _Outptr_
#define _Outptr_opt_
#define _Outptr_result_maybenull_
#define _Field_size_(n)
#define _Field_size_bytes_(n)
#define _Pre_cap_(n)
#define _Ret_
#define _Ret_maybenull_
#define _Ret_notnull_
#define _Null_terminated_
#define _Printf_format_string_
#define _Check_return_
#define _Must_inspect_result_
#define _Success_(condition)
#define _When_(condition, annotations)
#define _Use_decl_annotations_
#define _Function_class_(name)
