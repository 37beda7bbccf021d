/* Preprocessor loops for TraceLoggingProvider.h; nothing here is for an application's own use.
 * ETW_TL_EACH(m, first, a, b, c) is m(3, a) m(2, b) m(1, c). */
#pragma once
#pragma GCC system_header

#define ETW_TL_CAT_(a, b) a##b
#define ETW_TL_CAT(a, b) ETW_TL_CAT_(a, b)
#define ETW_TL_UNWRAP(...) __VA_ARGS__
#define ETW_TL_FIRST_(a, ...) a
#define ETW_TL_FIRST(...) ETW_TL_FIRST_(__VA_ARGS__, 0)

/* Number of arguments, 1 to 100. */
#define ETW_TL_COUNT_(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, \
                      a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32,  \
                      a33, a34, a35, a36, a37, a38, a39, a40, a41, a42, a43, a44, a45, a46, a47,  \
                      a48, a49, a50, a51, a52, a53, a54, a55, a56, a57, a58, a59, a60, a61, a62,  \
                      a63, a64, a65, a66, a67, a68, a69, a70, a71, a72, a73, a74, a75, a76, a77,  \
                      a78, a79, a80, a81, a82, a83, a84, a85, a86, a87, a88, a89, a90, a91, a92,  \
                      a93, a94, a95, a96, a97, a98, a99, a100, n, ...)                            \
    n
#define ETW_TL_COUNT(...)                                                                          \
    ETW_TL_COUNT_(__VA_ARGS__, 100, 99, 98, 97, 96, 95, 94, 93, 92, 91, 90, 89, 88, 87, 86, 85,    \
                  84, 83, 82, 81, 80, 79, 78, 77, 76, 75, 74, 73, 72, 71, 70, 69, 68, 67, 66, 65,  \
                  64, 63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45,  \
                  44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25,  \
                  24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, \
                  2, 1, 0)

#define ETW_TL_EACH(m, ...) ETW_TL_CAT(ETW_TL_EACH, ETW_TL_COUNT(__VA_ARGS__))(m, __VA_ARGS__)
#define ETW_TL_EACH1(m, x)
#define ETW_TL_EACH2(m, x, a) m(1, a)
#define ETW_TL_EACH3(m, x, a, ...) m(2, a) ETW_TL_EACH2(m, x, __VA_ARGS__)
#define ETW_TL_EACH4(m, x, a, ...) m(3, a) ETW_TL_EACH3(m, x, __VA_ARGS__)
#define ETW_TL_EACH5(m, x, a, ...) m(4, a) ETW_TL_EACH4(m, x, __VA_ARGS__)
#define ETW_TL_EACH6(m, x, a, ...) m(5, a) ETW_TL_EACH5(m, x, __VA_ARGS__)
#define ETW_TL_EACH7(m, x, a, ...) m(6, a) ETW_TL_EACH6(m, x, __VA_ARGS__)
#define ETW_TL_EACH8(m, x, a, ...) m(7, a) ETW_TL_EACH7(m, x, __VA_ARGS__)
#define ETW_TL_EACH9(m, x, a, ...) m(8, a) ETW_TL_EACH8(m, x, __VA_ARGS__)
#define ETW_TL_EACH10(m, x, a, ...) m(9, a) ETW_TL_EACH9(m, x, __VA_ARGS__)
#define ETW_TL_EACH11(m, x, a, ...) m(10, a) ETW_TL_EACH10(m, x, __VA_ARGS__)
#define ETW_TL_EACH12(m, x, a, ...) m(11, a) ETW_TL_EACH11(m, x, __VA_ARGS__)
#define ETW_TL_EACH13(m, x, a, ...) m(12, a) ETW_TL_EACH12(m, x, __VA_ARGS__)
#define ETW_TL_EACH14(m, x, a, ...) m(13, a) ETW_TL_EACH13(m, x, __VA_ARGS__)
#define ETW_TL_EACH15(m, x, a, ...) m(14, a) ETW_TL_EACH14(m, x, __VA_ARGS__)
#define ETW_TL_EACH16(m, x, a, ...) m(15, a) ETW_TL_EACH15(m, x, __VA_ARGS__)
#define ETW_TL_EACH17(m, x, a, ...) m(16, a) ETW_TL_EACH16(m, x, __VA_ARGS__)
#define ETW_TL_EACH18(m, x, a, ...) m(17, a) ETW_TL_EACH17(m, x, __VA_ARGS__)
#define ETW_TL_EACH19(m, x, a, ...) m(18, a) ETW_TL_EACH18(m, x, __VA_ARGS__)
#define ETW_TL_EACH20(m, x, a, ...) m(19, a) ETW_TL_EACH19(m, x, __VA_ARGS__)
#define ETW_TL_EACH21(m, x, a, ...) m(20, a) ETW_TL_EACH20(m, x, __VA_ARGS__)
#define ETW_TL_EACH22(m, x, a, ...) m(21, a) ETW_TL_EACH21(m, x, __VA_ARGS__)
#define ETW_TL_EACH23(m, x, a, ...) m(22, a) ETW_TL_EACH22(m, x, __VA_ARGS__)
#define ETW_TL_EACH24(m, x, a, ...) m(23, a) ETW_TL_EACH23(m, x, __VA_ARGS__)
#define ETW_TL_EACH25(m, x, a, ...) m(24, a) ETW_TL_EACH24(m, x, __VA_ARGS__)
#define ETW_TL_EACH26(m, x, a, ...) m(25, a) ETW_TL_EACH25(m, x, __VA_ARGS__)
#define ETW_TL_EACH27(m, x, a, ...) m(26, a) ETW_TL_EACH26(m, x, __VA_ARGS__)
#define ETW_TL_EACH28(m, x, a, ...) m(27, a) ETW_TL_EACH27(m, x, __VA_ARGS__)
#define ETW_TL_EACH29(m, x, a, ...) m(28, a) ETW_TL_EACH28(m, x, __VA_ARGS__)
#define ETW_TL_EACH30(m, x, a, ...) m(29, a) ETW_TL_EACH29(m, x, __VA_ARGS__)
#define ETW_TL_EACH31(m, x, a, ...) m(30, a) ETW_TL_EACH30(m, x, __VA_ARGS__)
#define ETW_TL_EACH32(m, x, a, ...) m(31, a) ETW_TL_EACH31(m, x, __VA_ARGS__)
#define ETW_TL_EACH33(m, x, a, ...) m(32, a) ETW_TL_EACH32(m, x, __VA_ARGS__)
#define ETW_TL_EACH34(m, x, a, ...) m(33, a) ETW_TL_EACH33(m, x, __VA_ARGS__)
#define ETW_TL_EACH35(m, x, a, ...) m(34, a) ETW_TL_EACH34(m, x, __VA_ARGS__)
#define ETW_TL_EACH36(m, x, a, ...) m(35, a) ETW_TL_EACH35(m, x, __VA_ARGS__)
#define ETW_TL_EACH37(m, x, a, ...) m(36, a) ETW_TL_EACH36(m, x, __VA_ARGS__)
#define ETW_TL_EACH38(m, x, a, ...) m(37, a) ETW_TL_EACH37(m, x, __VA_ARGS__)
#define ETW_TL_EACH39(m, x, a, ...) m(38, a) ETW_TL_EACH38(m, x, __VA_ARGS__)
#define ETW_TL_EACH40(m, x, a, ...) m(39, a) ETW_TL_EACH39(m, x, __VA_ARGS__)
#define ETW_TL_EACH41(m, x, a, ...) m(40, a) ETW_TL_EACH40(m, x, __VA_ARGS__)
#define ETW_TL_EACH42(m, x, a, ...) m(41, a) ETW_TL_EACH41(m, x, __VA_ARGS__)
#define ETW_TL_EACH43(m, x, a, ...) m(42, a) ETW_TL_EACH42(m, x, __VA_ARGS__)
#define ETW_TL_EACH44(m, x, a, ...) m(43, a) ETW_TL_EACH43(m, x, __VA_ARGS__)
#define ETW_TL_EACH45(m, x, a, ...) m(44, a) ETW_TL_EACH44(m, x, __VA_ARGS__)
#define ETW_TL_EACH46(m, x, a, ...) m(45, a) ETW_TL_EACH45(m, x, __VA_ARGS__)
#define ETW_TL_EACH47(m, x, a, ...) m(46, a) ETW_TL_EACH46(m, x, __VA_ARGS__)
#define ETW_TL_EACH48(m, x, a, ...) m(47, a) ETW_TL_EACH47(m, x, __VA_ARGS__)
#define ETW_TL_EACH49(m, x, a, ...) m(48, a) ETW_TL_EACH48(m, x, __VA_ARGS__)
#define ETW_TL_EACH50(m, x, a, ...) m(49, a) ETW_TL_EACH49(m, x, __VA_ARGS__)
#define ETW_TL_EACH51(m, x, a, ...) m(50, a) ETW_TL_EACH50(m, x, __VA_ARGS__)
#define ETW_TL_EACH52(m, x, a, ...) m(51, a) ETW_TL_EACH51(m, x, __VA_ARGS__)
#define ETW_TL_EACH53(m, x, a, ...) m(52, a) ETW_TL_EACH52(m, x, __VA_ARGS__)
#define ETW_TL_EACH54(m, x, a, ...) m(53, a) ETW_TL_EACH53(m, x, __VA_ARGS__)
#define ETW_TL_EACH55(m, x, a, ...) m(54, a) ETW_TL_EACH54(m, x, __VA_ARGS__)
#define ETW_TL_EACH56(m, x, a, ...) m(55, a) ETW_TL_EACH55(m, x, __VA_ARGS__)
#define ETW_TL_EACH57(m, x, a, ...) m(56, a) ETW_TL_EACH56(m, x, __VA_ARGS__)
#define ETW_TL_EACH58(m, x, a, ...) m(57, a) ETW_TL_EACH57(m, x, __VA_ARGS__)
#define ETW_TL_EACH59(m, x, a, ...) m(58, a) ETW_TL_EACH58(m, x, __VA_ARGS__)
#define ETW_TL_EACH60(m, x, a, ...) m(59, a) ETW_TL_EACH59(m, x, __VA_ARGS__)
#define ETW_TL_EACH61(m, x, a, ...) m(60, a) ETW_TL_EACH60(m, x, __VA_ARGS__)
#define ETW_TL_EACH62(m, x, a, ...) m(61, a) ETW_TL_EACH61(m, x, __VA_ARGS__)
#define ETW_TL_EACH63(m, x, a, ...) m(62, a) ETW_TL_EACH62(m, x, __VA_ARGS__)
#define ETW_TL_EACH64(m, x, a, ...) m(63, a) ETW_TL_EACH63(m, x, __VA_ARGS__)
#define ETW_TL_EACH65(m, x, a, ...) m(64, a) ETW_TL_EACH64(m, x, __VA_ARGS__)
#define ETW_TL_EACH66(m, x, a, ...) m(65, a) ETW_TL_EACH65(m, x, __VA_ARGS__)
#define ETW_TL_EACH67(m, x, a, ...) m(66, a) ETW_TL_EACH66(m, x, __VA_ARGS__)
#define ETW_TL_EACH68(m, x, a, ...) m(67, a) ETW_TL_EACH67(m, x, __VA_ARGS__)
#define ETW_TL_EACH69(m, x, a, ...) m(68, a) ETW_TL_EACH68(m, x, __VA_ARGS__)
#define ETW_TL_EACH70(m, x, a, ...) m(69, a) ETW_TL_EACH69(m, x, __VA_ARGS__)
#define ETW_TL_EACH71(m, x, a, ...) m(70, a) ETW_TL_EACH70(m, x, __VA_ARGS__)
#define ETW_TL_EACH72(m, x, a, ...) m(71, a) ETW_TL_EACH71(m, x, __VA_ARGS__)
#define ETW_TL_EACH73(m, x, a, ...) m(72, a) ETW_TL_EACH72(m, x, __VA_ARGS__)
#define ETW_TL_EACH74(m, x, a, ...) m(73, a) ETW_TL_EACH73(m, x, __VA_ARGS__)
#define ETW_TL_EACH75(m, x, a, ...) m(74, a) ETW_TL_EACH74(m, x, __VA_ARGS__)
#define ETW_TL_EACH76(m, x, a, ...) m(75, a) ETW_TL_EACH75(m, x, __VA_ARGS__)
#define ETW_TL_EACH77(m, x, a, ...) m(76, a) ETW_TL_EACH76(m, x, __VA_ARGS__)
#define ETW_TL_EACH78(m, x, a, ...) m(77, a) ETW_TL_EACH77(m, x, __VA_ARGS__)
#define ETW_TL_EACH79(m, x, a, ...) m(78, a) ETW_TL_EACH78(m, x, __VA_ARGS__)
#define ETW_TL_EACH80(m, x, a, ...) m(79, a) ETW_TL_EACH79(m, x, __VA_ARGS__)
#define ETW_TL_EACH81(m, x, a, ...) m(80, a) ETW_TL_EACH80(m, x, __VA_ARGS__)
#define ETW_TL_EACH82(m, x, a, ...) m(81, a) ETW_TL_EACH81(m, x, __VA_ARGS__)
#define ETW_TL_EACH83(m, x, a, ...) m(82, a) ETW_TL_EACH82(m, x, __VA_ARGS__)
#define ETW_TL_EACH84(m, x, a, ...) m(83, a) ETW_TL_EACH83(m, x, __VA_ARGS__)
#define ETW_TL_EACH85(m, x, a, ...) m(84, a) ETW_TL_EACH84(m, x, __VA_ARGS__)
#define ETW_TL_EACH86(m, x, a, ...) m(85, a) ETW_TL_EACH85(m, x, __VA_ARGS__)
#define ETW_TL_EACH87(m, x, a, ...) m(86, a) ETW_TL_EACH86(m, x, __VA_ARGS__)
#define ETW_TL_EACH88(m, x, a, ...) m(87, a) ETW_TL_EACH87(m, x, __VA_ARGS__)
#define ETW_TL_EACH89(m, x, a, ...) m(88, a) ETW_TL_EACH88(m, x, __VA_ARGS__)
#define ETW_TL_EACH90(m, x, a, ...) m(89, a) ETW_TL_EACH89(m, x, __VA_ARGS__)
#define ETW_TL_EACH91(m, x, a, ...) m(90, a) ETW_TL_EACH90(m, x, __VA_ARGS__)
#define ETW_TL_EACH92(m, x, a, ...) m(91, a) ETW_TL_EACH91(m, x, __VA_ARGS__)
#define ETW_TL_EACH93(m, x, a, ...) m(92, a) ETW_TL_EACH92(m, x, __VA_ARGS__)
#define ETW_TL_EACH94(m, x, a, ...) m(93, a) ETW_TL_EACH93(m, x, __VA_ARGS__)
#define ETW_TL_EACH95(m, x, a, ...) m(94, a) ETW_TL_EACH94(m, x, __VA_ARGS__)
#define ETW_TL_EACH96(m, x, a, ...) m(95, a) ETW_TL_EACH95(m, x, __VA_ARGS__)
#define ETW_TL_EACH97(m, x, a, ...) m(96, a) ETW_TL_EACH96(m, x, __VA_ARGS__)
#define ETW_TL_EACH98(m, x, a, ...) m(97, a) ETW_TL_EACH97(m, x, __VA_ARGS__)
#define ETW_TL_EACH99(m, x, a, ...) m(98, a) ETW_TL_EACH98(m, x, __VA_ARGS__)
#define ETW_TL_EACH100(m, x, a, ...) m(99, a) ETW_TL_EACH99(m, x, __VA_ARGS__)

/* 0 for two arguments, 1 for more. */
#define ETW_TL_COUNT2(...)                                                                         \
    ETW_TL_COUNT_(__VA_ARGS__, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,   \
                  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, \
                  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, \
                  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0)
