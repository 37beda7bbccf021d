// Events of the .NET runtime: field names and layouts of its published manifest.
#include "decode/builtin_providers.h"

namespace etw::decode {

// In two pieces: Visual Studio takes literals of 16 KB at most.
const char kClrRuntimeEvents[] =
    R"(map GCSegmentType: 0=SmallObjectHeap 1=LargeObjectHeap 2=ReadOnlyHeap
map GCAllocationKind: 0=Small 1=Large
map GCType: 0=NonConcurrentGC 1=BackgroundGC 2=ForegroundGC
map GCReason: 0=AllocSmall 1=Induced 2=LowMemory 3=Empty 4=AllocLarge 5=OutOfSpaceSmallObjectHeap
  6=OutOfSpaceLargeObjectHeap 7=InducedNoForce 8=Stress 9=InducedLowMemory
map GCSuspendEEReason: 0=SuspendOther 1=SuspendForGC 2=SuspendForAppDomainShutdown
  3=SuspendForCodePitching 4=SuspendForShutdown 5=SuspendForDebugger 6=SuspendForGCPrep
  7=SuspendForDebuggerSweep
map ContentionFlags: 0=Managed 1=Native
map TailCallType: 0=OptimizedTailCall 1=RecursiveLoop 2=HelperAssistedTailCall
map ThreadAdjustmentReason: 0=Warmup 1=Initializing 2=RandomMove 3=ClimbingMove 4=ChangePoint
  5=Stabilizing 6=Starvation 7=ThreadTimedOut
map GCRootKind: 0=Stack 1=Finalizer 2=Handle 3=Older 4=SizedRef 5=Overflow
map GCHandleKind: 0=WeakShort 1=WeakLong 2=Strong 3=Pinned 4=Variable 5=RefCounted 6=Dependent
  7=AsyncPinned 8=SizedRef
bits ModuleRangeType: 0x4=ColdRange
bits AppDomainFlags: 0x1=Default 0x2=Executable 0x4=Shared
bits AssemblyFlags: 0x1=DomainNeutral 0x2=Dynamic 0x4=Native 0x8=Collectible
bits ModuleFlags: 0x1=DomainNeutral 0x2=Native 0x4=Dynamic 0x8=Manifest 0x10=IbcOptimized
  0x20=ReadyToRunModule 0x40=PartialReadyToRunModule
bits MethodFlags: 0x1=Dynamic 0x2=Generic 0x4=HasSharedGenericCode 0x8=Jitted 0x10=JitHelper
  0x20=ProfilerRejectedPrecompiledCode 0x40=ReadyToRunRejectedPrecompiledCode
bits StartupMode: 0x1=ManagedExe 0x2=HostedClr 0x4=IjwDll 0x8=ComActivated 0x10=Other
bits RuntimeSku: 0x1=DesktopClr 0x2=CoreClr
bits ExceptionThrownFlags: 0x1=HasInnerException 0x2=Nested 0x4=ReThrown 0x8=CorruptedState
  0x10=CLSCompliant
bits ILStubGeneratedFlags: 0x1=ReverseInterop 0x2=ComInterop 0x4=NGenedStub 0x8=Delegate
  0x10=VarArg 0x20=UnmanagedCallee
bits StartupFlags: 0x1=CONCURRENT_GC 0x2=LOADER_OPTIMIZATION_SINGLE_DOMAIN
  0x4=LOADER_OPTIMIZATION_MULTI_DOMAIN 0x10=LOADER_SAFEMODE 0x100=LOADER_SETPREFERENCE
  0x1000=SERVER_GC 0x2000=HOARD_GC_VM 0x4000=SINGLE_VERSION_HOSTING_INTERFACE
  0x10000=LEGACY_IMPERSONATION 0x20000=DISABLE_COMMITTHREADSTACK 0x40000=ALWAYSFLOW_IMPERSONATION
  0x80000=TRIM_GC_COMMIT 0x100000=ETW 0x200000=SERVER_BUILD 0x400000=ARM
bits TypeFlags: 0x1=Delegate 0x2=Finalizable 0x4=ExternallyImplementedCOMObject 0x8=Array
bits GCRootFlags: 0x1=Pinning 0x2=WeakRef 0x4=Interior 0x8=RefCounted
bits GCRootStaticVarFlags: 0x1=ThreadLocal
bits GCRootCCWFlags: 0x1=Strong 0x2=Pegged
bits ThreadFlags: 0x1=GCSpecial 0x2=Finalizer 0x4=ThreadPoolWorker
bits TieredCompilationSettingsFlags: 0x0=None 0x1=QuickJit 0x2=QuickJitForLoops
1.0 GC/Start: Count:u32 Reason:u32=GCReason
1.1 GC/Start: Count:u32 Depth:u32 Reason:u32=GCReason Type:u32=GCType ClrInstanceID:u16
1.2 GC/Start: Count:u32 Depth:u32 Reason:u32=GCReason Type:u32=GCType ClrInstanceID:u16
  ClientSequenceNumber:u64
2.0 GC/Stop: Count:u32 Depth:u16
2.1 GC/Stop: Count:u32 Depth:u32 ClrInstanceID:u16
3.0 GC/RestartEEStop, 7.0 GC/RestartEEStart, 8.0 GC/SuspendEEStop, 11.0 GC/CreateConcurrentThread,
  12.0 GC/TerminateConcurrentThread, 14.0 GC/FinalizersStart, 80.0 Exception/Start,
  81.0 Contention/Start, 135.0 Method/DCStartCompleteV2, 136.0 Method/DCEndCompleteV2,
  240.0 DebugIPCEvent/Start, 241.0 DebugIPCEvent/Stop, 242.0 DebugExceptionProcessing/Start,
  243.0 DebugExceptionProcessing/Stop, 251.0 ExceptionCatch/Stop, 253.0 ExceptionFinally/Stop,
  255.0 ExceptionFilter/Stop, 256.0 Exception/Stop:
3.1 GC/RestartEEStop, 7.1 GC/RestartEEStart, 8.1 GC/SuspendEEStop, 11.1 GC/CreateConcurrentThread,
  12.1 GC/TerminateConcurrentThread, 14.1 GC/FinalizersStart, 281.0 TieredCompilation/Pause:
  ClrInstanceID:u16
4.0 GC/HeapStats: GenerationSize0:x64 TotalPromotedSize0:x64 GenerationSize1:x64
  TotalPromotedSize1:x64 GenerationSize2:x64 TotalPromotedSize2:x64 GenerationSize3:x64
  TotalPromotedSize3:x64 FinalizationPromotedSize:x64 FinalizationPromotedCount:u64
  PinnedObjectCount:u32 SinkBlockCount:u32 GCHandleCount:u32
4.1 GC/HeapStats: GenerationSize0:x64 TotalPromotedSize0:x64 GenerationSize1:x64
  TotalPromotedSize1:x64 GenerationSize2:x64 TotalPromotedSize2:x64 GenerationSize3:x64
  TotalPromotedSize3:x64 FinalizationPromotedSize:x64 FinalizationPromotedCount:u64
  PinnedObjectCount:u32 SinkBlockCount:u32 GCHandleCount:u32 ClrInstanceID:u16
4.2 GC/HeapStats: GenerationSize0:x64 TotalPromotedSize0:x64 GenerationSize1:x64
  TotalPromotedSize1:x64 GenerationSize2:x64 TotalPromotedSize2:x64 GenerationSize3:x64
  TotalPromotedSize3:x64 FinalizationPromotedSize:x64 FinalizationPromotedCount:u64
  PinnedObjectCount:u32 SinkBlockCount:u32 GCHandleCount:u32 ClrInstanceID:u16 GenerationSize4:x64
  TotalPromotedSize4:x64
5.0 GC/CreateSegment: Address:x64 Size:x64 Type:u32=GCSegmentType
5.1 GC/CreateSegment: Address:x64 Size:x64 Type:u32=GCSegmentType ClrInstanceID:u16
6.0 GC/FreeSegment: Address:x64
6.1 GC/FreeSegment: Address:x64 ClrInstanceID:u16
9.0 GC/SuspendEEStart: Reason:u16=GCSuspendEEReason
9.1 GC/SuspendEEStart: Reason:u32=GCSuspendEEReason Count:u32 ClrInstanceID:u16
10.0 GC/AllocationTick: AllocationAmount:x32 AllocationKind:u32=GCAllocationKind
10.1 GC/AllocationTick: AllocationAmount:x32 AllocationKind:u32=GCAllocationKind ClrInstanceID:u16
10.2 GC/AllocationTick: AllocationAmount:x32 AllocationKind:u32=GCAllocationKind ClrInstanceID:u16
  AllocationAmount64:x64 TypeID:ptr TypeName:wstr HeapIndex:u32
10.3 GC/AllocationTick: AllocationAmount:x32 AllocationKind:u32=GCAllocationKind ClrInstanceID:u16
  AllocationAmount64:x64 TypeID:ptr TypeName:wstr HeapIndex:u32 Address:ptr
10.4 GC/AllocationTick: AllocationAmount:x32 AllocationKind:u32=GCAllocationKind ClrInstanceID:u16
  AllocationAmount64:x64 TypeID:ptr TypeName:wstr HeapIndex:u32 Address:ptr ObjectSize:u64
13.0 GC/FinalizersStop: Count:u32
13.1 GC/FinalizersStop, 60.0 ThreadPoolWorkingThreadCount/Start: Count:u32 ClrInstanceID:u16
15.0 Type/BulkType: Count:u32 ClrInstanceID:u16 Values[Count]{TypeID:x64 ModuleID:x64
  TypeNameID:u32 Flags:u32=TypeFlags CorElementType:u8 Name:wstr TypeParameterCount:u32
  TypeParameters:x64[TypeParameterCount]}
16.0 GC/BulkRootEdge: Index:u32 Count:u32 ClrInstanceID:u16 Values[Count]{RootedNodeAddress:ptr
  GCRootKind:u8=GCRootKind GCRootFlag:u32=GCRootFlags GCRootID:ptr}
17.0 GC/BulkRootConditionalWeakTableElementEdge: Index:u32 Count:u32 ClrInstanceID:u16
  Values[Count]{GCKeyNodeID:ptr GCValueNodeID:ptr GCRootID:ptr}
18.0 GC/BulkNode: Index:u32 Count:u32 ClrInstanceID:u16 Values[Count]{Address:ptr Size:u64
  TypeID:u64 EdgeCount:u64}
19.0 GC/BulkEdge: Index:u32 Count:u32 ClrInstanceID:u16 Values[Count]{Value:ptr
  ReferencingFieldID:u32}
20.0 GC/SampledObjectAllocation, 32.0 GC/SampledObjectAllocation: Address:ptr TypeID:ptr
  ObjectCountForTypeSample:u32 TotalSizeForTypeSample:u64 ClrInstanceID:u16
21.0 GC/BulkSurvivingObjectRanges: Index:u32 Count:u32 ClrInstanceID:u16
  Values[Count]{RangeBase:ptr RangeLength:u64}
22.0 GC/BulkMovedObjectRanges: Index:u32 Count:u32 ClrInstanceID:u16
  Values[Count]{OldRangeBase:ptr NewRangeBase:ptr RangeLength:u64}
23.0 GC/GenerationRange: Generation:u8 RangeStart:ptr RangeUsedLength:u64 RangeReservedLength:u64
  ClrInstanceID:u16
25.0 GC/MarkStackRoots, 26.0 GC/MarkFinalizeQueueRoots, 27.0 GC/MarkHandles, 28.0 GC/MarkCards:
  HeapNum:u32 ClrInstanceID:u16
29.0 GC/FinalizeObject: TypeID:ptr ObjectID:ptr ClrInstanceID:u16
30.0 GC/SetGCHandle: HandleID:ptr ObjectID:ptr Kind:u32=GCHandleKind Generation:u32
  AppDomainID:x64 ClrInstanceID:u16
31.0 GC/DestoryGCHandle: HandleID:ptr ClrInstanceID:u16
33.0 GC/PinObjectAtGCTime: HandleID:ptr ObjectID:ptr ObjectSize:u64 TypeName:wstr
  ClrInstanceID:u16
35.0 GC/Triggered: Reason:u32=GCReason ClrInstanceID:u16
36.0 GC/BulkRootCCW: Count:u32 ClrInstanceID:u16 Values[Count]{GCRootID:x64 ObjectID:x64
  TypeID:x64 IUnknown:x64 RefCount:u32 PeggedRefCount:u32 Flags:u32=GCRootCCWFlags}
37.0 GC/BulkRCW: Count:u32 ClrInstanceID:u16 Values[Count]{ObjectID:x64 TypeID:x64 IUnknown:x64
  VTable:x64 RefCount:u32 Flags:u32}
38.0 GC/BulkRootStaticVar: Count:u32 AppDomainID:x64 ClrInstanceID:u16 Values[Count]{GCRootID:x64
  ObjectID:x64 TypeID:x64 Flags:u32=GCRootStaticVarFlags FieldName:wstr}
39.0 GC/DynamicEvent: Name:wstr DataSize:u32 Data:bytes[DataSize] ClrInstanceID:u16
40.0 WorkerThreadCreationV2/Start, 41.0 WorkerThreadCreationV2/Stop,
  42.0 WorkerThreadRetirementV2/Start, 43.0 WorkerThreadRetirementV2/Stop: WorkerThreadCount:u32
  RetiredWorkerThreads:u32
44.0 IOThreadCreation/Start, 45.0 IOThreadCreation/Stop, 46.0 IOThreadRetirement/Start,
  47.0 IOThreadRetirement/Stop: IOThreadCount:u32 RetiredIOThreads:u32
44.1 IOThreadCreation/Start, 45.1 IOThreadCreation/Stop, 46.1 IOThreadRetirement/Start,
  47.1 IOThreadRetirement/Stop: IOThreadCount:u32 RetiredIOThreads:u32 ClrInstanceID:u16
48.0 ThreadpoolSuspensionV2/Start, 49.0 ThreadpoolSuspensionV2/Stop: ClrThreadID:u32
  CpuUtilization:u32
50.0 ThreadPoolWorkerThread/Start, 51.0 ThreadPoolWorkerThread/Stop,
  52.0 ThreadPoolWorkerThreadRetirement/Start, 53.0 ThreadPoolWorkerThreadRetirement/Stop,
  57.0 ThreadPoolWorkerThread/Wait: ActiveWorkerThreadCount:u32 RetiredWorkerThreadCount:u32
  ClrInstanceID:u16
54.0 ThreadPoolWorkerThreadAdjustment/Sample: Throughput:f64 ClrInstanceID:u16
55.0 ThreadPoolWorkerThreadAdjustment/Adjustment: AverageThroughput:f64 NewWorkerThreadCount:u32
  Reason:u32=ThreadAdjustmentReason ClrInstanceID:u16
56.0 ThreadPoolWorkerThreadAdjustment/Stats: Duration:f64 Throughput:f64 ThreadWave:f64
  ThroughputWave:f64 ThroughputErrorEstimate:f64 AverageThroughputErrorEstimate:f64
  ThroughputRatio:f64 Confidence:f64 NewControlSetting:f64 NewThreadWaveMagnitude:u16
  ClrInstanceID:u16
61.0 ThreadPool/Enqueue, 62.0 ThreadPool/Dequeue: WorkID:ptr ClrInstanceID:u16
63.0 ThreadPool/IOEnqueue: NativeOverlapped:ptr Overlapped:ptr MultiDequeues:bool
  ClrInstanceID:u16
64.0 ThreadPool/IODequeue, 65.0 ThreadPool/IOPack: NativeOverlapped:ptr Overlapped:ptr
  ClrInstanceID:u16
70.0 Thread/Creating, 71.0 Thread/Running: ID:ptr ClrInstanceID:u16
80.1 Exception/Start: ExceptionType:wstr ExceptionMessage:wstr ExceptionEIP:ptr
  ExceptionHRESULT:x32 ExceptionFlags:u16=ExceptionThrownFlags ClrInstanceID:u16
81.1 Contention/Start, 91.0 Contention/Stop: ContentionFlags:u8=ContentionFlags ClrInstanceID:u16
)"
    R"(82.0 ClrStack/Walk: ClrInstanceID:u16 Reserved1:u8 Reserved2:u8 FrameCount:u32 Stack:ptr[]
83.0 AppDomainResourceManagement/MemAllocated: AppDomainID:x64 Allocated:x64 ClrInstanceID:u16
84.0 AppDomainResourceManagement/MemSurvived: AppDomainID:x64 Survived:x64 ProcessSurvived:x64
  ClrInstanceID:u16
85.0 AppDomainResourceManagement/ThreadCreated: ManagedThreadID:x64 AppDomainID:x64
  Flags:u32=ThreadFlags ManagedThreadIndex:u32 OSThreadID:u32 ClrInstanceID:u16
86.0 AppDomainResourceManagement/ThreadTerminated, 87.0 AppDomainResourceManagement/DomainEnter:
  ManagedThreadID:x64 AppDomainID:x64 ClrInstanceID:u16
88.0 ILStub/StubGenerated: ClrInstanceID:u16 ModuleID:x64 StubMethodID:x64
  StubFlags:u32=ILStubGeneratedFlags ManagedInteropMethodToken:x32
  ManagedInteropMethodNamespace:wstr ManagedInteropMethodName:wstr
  ManagedInteropMethodSignature:wstr NativeMethodSignature:wstr StubMethodSignature:wstr
  StubMethodILCode:wstr
89.0 ILStub/StubCacheHit: ClrInstanceID:u16 ModuleID:x64 StubMethodID:x64
  ManagedInteropMethodToken:x32 ManagedInteropMethodNamespace:wstr ManagedInteropMethodName:wstr
  ManagedInteropMethodSignature:wstr
91.1 Contention/Stop: ContentionFlags:u8=ContentionFlags ClrInstanceID:u16 DurationNs:f64
137.0 Method/DCStartV2, 138.0 Method/DCStopV2, 141.0 Method/Load, 142.0 Method/Unload:
  MethodID:x64 ModuleID:x64 MethodStartAddress:x64 MethodSize:x32 MethodToken:x32
  MethodFlags:u32=MethodFlags
139.0 Method/DCStartVerboseV2, 140.0 Method/DCStopVerboseV2, 143.0 Method/LoadVerbose,
  144.0 Method/UnloadVerbose: MethodID:x64 ModuleID:x64 MethodStartAddress:x64 MethodSize:x32
  MethodToken:x32 MethodFlags:u32=MethodFlags MethodNamespace:wstr MethodName:wstr
  MethodSignature:wstr
141.1 Method/Load, 142.1 Method/Unload: MethodID:x64 ModuleID:x64 MethodStartAddress:x64
  MethodSize:x32 MethodToken:x32 MethodFlags:u32=MethodFlags ClrInstanceID:u16
141.2 Method/Load, 142.2 Method/Unload: MethodID:x64 ModuleID:x64 MethodStartAddress:x64
  MethodSize:x32 MethodToken:x32 MethodFlags:u32=MethodFlags ClrInstanceID:u16 ReJITID:x64
143.1 Method/LoadVerbose, 144.1 Method/UnloadVerbose: MethodID:x64 ModuleID:x64
  MethodStartAddress:x64 MethodSize:x32 MethodToken:x32 MethodFlags:u32=MethodFlags
  MethodNamespace:wstr MethodName:wstr MethodSignature:wstr ClrInstanceID:u16
143.2 Method/LoadVerbose, 144.2 Method/UnloadVerbose: MethodID:x64 ModuleID:x64
  MethodStartAddress:x64 MethodSize:x32 MethodToken:x32 MethodFlags:u32=MethodFlags
  MethodNamespace:wstr MethodName:wstr MethodSignature:wstr ClrInstanceID:u16 ReJITID:x64
145.0 Method/JittingStarted: MethodID:x64 ModuleID:x64 MethodToken:x32 MethodILSize:x32
  MethodNamespace:wstr MethodName:wstr MethodSignature:wstr
145.1 Method/JittingStarted: MethodID:x64 ModuleID:x64 MethodToken:x32 MethodILSize:x32
  MethodNamespace:wstr MethodName:wstr MethodSignature:wstr ClrInstanceID:u16
149.0 Loader/ModuleDCStartV2, 150.0 Loader/ModuleDCStopV2, 152.0 Loader/ModuleLoad,
  153.0 Loader/ModuleUnload: ModuleID:x64 AssemblyID:x64 ModuleFlags:u32=ModuleFlags Reserved1:u32
  ModuleILPath:wstr ModuleNativePath:wstr
151.0 Loader/DomainModuleLoad: ModuleID:x64 AssemblyID:x64 AppDomainID:x64
  ModuleFlags:u32=ModuleFlags Reserved1:u32 ModuleILPath:wstr ModuleNativePath:wstr
151.1 Loader/DomainModuleLoad: ModuleID:x64 AssemblyID:x64 AppDomainID:x64
  ModuleFlags:u32=ModuleFlags Reserved1:u32 ModuleILPath:wstr ModuleNativePath:wstr
  ClrInstanceID:u16
152.1 Loader/ModuleLoad, 153.1 Loader/ModuleUnload: ModuleID:x64 AssemblyID:x64
  ModuleFlags:u32=ModuleFlags Reserved1:u32 ModuleILPath:wstr ModuleNativePath:wstr
  ClrInstanceID:u16
152.2 Loader/ModuleLoad, 153.2 Loader/ModuleUnload: ModuleID:x64 AssemblyID:x64
  ModuleFlags:u32=ModuleFlags Reserved1:u32 ModuleILPath:wstr ModuleNativePath:wstr
  ClrInstanceID:u16 ManagedPdbSignature:guid ManagedPdbAge:u32 ManagedPdbBuildPath:wstr
  NativePdbSignature:guid NativePdbAge:u32 NativePdbBuildPath:wstr
154.0 Loader/AssemblyLoad, 155.0 Loader/AssemblyUnload: AssemblyID:x64 AppDomainID:x64
  AssemblyFlags:u32=AssemblyFlags FullyQualifiedAssemblyName:wstr
154.1 Loader/AssemblyLoad, 155.1 Loader/AssemblyUnload: AssemblyID:x64 AppDomainID:x64
  BindingID:x64 AssemblyFlags:u32=AssemblyFlags FullyQualifiedAssemblyName:wstr ClrInstanceID:u16
156.0 Loader/AppDomainLoad, 157.0 Loader/AppDomainUnload: AppDomainID:x64
  AppDomainFlags:u32=AppDomainFlags AppDomainName:wstr
156.1 Loader/AppDomainLoad, 157.1 Loader/AppDomainUnload: AppDomainID:x64
  AppDomainFlags:u32=AppDomainFlags AppDomainName:wstr AppDomainIndex:u32 ClrInstanceID:u16
158.0 ClrPerfTrack/ModuleRangeLoad: ClrInstanceID:u16 ModuleID:x64 RangeBegin:x32 RangeSize:x32
  RangeType:u8=ModuleRangeType
159.0 Method/Load: MethodID:x64 MethodNamespace:wstr MethodName:wstr MethodSignature:wstr
  EntryPoint:x64 ClrInstanceID:u16
181.0 StrongNameVerification/Start, 182.0 StrongNameVerification/Stop: VerificationFlags:x32
  ErrorCode:x32 FullyQualifiedAssemblyName:wstr
181.1 StrongNameVerification/Start, 182.1 StrongNameVerification/Stop: VerificationFlags:x32
  ErrorCode:x32 FullyQualifiedAssemblyName:wstr ClrInstanceID:u16
183.0 AuthenticodeVerification/Start, 184.0 AuthenticodeVerification/Stop: VerificationFlags:x32
  ErrorCode:x32 ModulePath:wstr
183.1 AuthenticodeVerification/Start, 184.1 AuthenticodeVerification/Stop: VerificationFlags:x32
  ErrorCode:x32 ModulePath:wstr ClrInstanceID:u16
185.0 Method/InliningSucceeded: MethodBeingCompiledNamespace:wstr MethodBeingCompiledName:wstr
  MethodBeingCompiledNameSignature:wstr InlinerNamespace:wstr InlinerName:wstr
  InlinerNameSignature:wstr InlineeNamespace:wstr InlineeName:wstr InlineeNameSignature:wstr
  ClrInstanceID:u16
186.0 Method/InliningFailed: MethodBeingCompiledNamespace:wstr MethodBeingCompiledName:wstr
  MethodBeingCompiledNameSignature:wstr InlinerNamespace:wstr InlinerName:wstr
  InlinerNameSignature:wstr InlineeNamespace:wstr InlineeName:wstr InlineeNameSignature:wstr
  FailAlways:bool FailReason:str ClrInstanceID:u16
187.0 Runtime/Start: ClrInstanceID:u16 Sku:u16=RuntimeSku BclMajorVersion:u16 BclMinorVersion:u16
  BclBuildNumber:u16 BclQfeNumber:u16 VMMajorVersion:u16 VMMinorVersion:u16 VMBuildNumber:u16
  VMQfeNumber:u16 StartupFlags:u32=StartupFlags StartupMode:u8=StartupMode CommandLine:wstr
  ComObjectGuid:guid RuntimeDllPath:wstr
188.0 Method/TailCallSucceeded: MethodBeingCompiledNamespace:wstr MethodBeingCompiledName:wstr
  MethodBeingCompiledNameSignature:wstr CallerNamespace:wstr CallerName:wstr
  CallerNameSignature:wstr CalleeNamespace:wstr CalleeName:wstr CalleeNameSignature:wstr
  TailPrefix:bool TailCallType:u32=TailCallType ClrInstanceID:u16
189.0 Method/TailCallFailed: MethodBeingCompiledNamespace:wstr MethodBeingCompiledName:wstr
  MethodBeingCompiledNameSignature:wstr CallerNamespace:wstr CallerName:wstr
  CallerNameSignature:wstr CalleeNamespace:wstr CalleeName:wstr CalleeNameSignature:wstr
  TailPrefix:bool FailReason:str ClrInstanceID:u16
190.0 Method/MethodILToNativeMap: MethodID:x64 ReJITID:x64 MethodExtent:u8 CountOfMapEntries:u16
  ILOffsets:u32[CountOfMapEntries] NativeOffsets:u32[CountOfMapEntries] ClrInstanceID:u16
191.0 Method/TailCallFailed: MethodBeingCompiledNamespace:wstr MethodBeingCompiledName:wstr
  MethodBeingCompiledNameSignature:wstr CallerNamespace:wstr CallerName:wstr
  CallerNameSignature:wstr CalleeNamespace:wstr CalleeName:wstr CalleeNameSignature:wstr
  TailPrefix:bool FailReason:wstr ClrInstanceID:u16
192.0 Method/InliningFailed: MethodBeingCompiledNamespace:wstr MethodBeingCompiledName:wstr
  MethodBeingCompiledNameSignature:wstr InlinerNamespace:wstr InlinerName:wstr
  InlinerNameSignature:wstr InlineeNamespace:wstr InlineeName:wstr InlineeNameSignature:wstr
  FailAlways:bool FailReason:wstr ClrInstanceID:u16
200.0 GarbageCollection/IncreaseMemoryPressure: BytesAllocated:u64 ClrInstanceID:u16
201.0 GarbageCollection/DecreaseMemoryPressure: BytesFreed:u64 ClrInstanceID:u16
202.0 GC/MarkWithType: HeapNum:u32 ClrInstanceID:u16 Type:u32=GCRootKind Bytes:u64
203.2 GC/Join: Heap:u32 JoinTime:u32 JoinType:u32 ClrInstanceID:u16 JoinID:u32
204.3 GC/PerHeapHistory: ClrInstanceID:u16 FreeListAllocated:ptr FreeListRejected:ptr
  EndOfSegAllocated:ptr CondemnedAllocated:ptr PinnedAllocated:ptr PinnedAllocatedAdvance:ptr
  RunningFreeListEfficiency:u32 CondemnReasons0:u32 CondemnReasons1:u32 CompactMechanisms:u32
  ExpandMechanisms:u32 HeapIndex:u32 ExtraGen0Commit:ptr Count:u32 Values[Count]{SizeBefore:ptr
  FreeListBefore:ptr FreeObjBefore:ptr SizeAfter:ptr FreeListAfter:ptr FreeObjAfter:ptr In:ptr
  PinnedSurv:ptr NonePinnedSurv:ptr NewAllocation:ptr}
205.2 GC/GlobalHeapHistory: FinalYoungestDesired:x64 NumHeaps:i32 CondemnedGeneration:u32
  Gen0ReductionCount:u32 Reason:u32 GlobalMechanisms:u32 ClrInstanceID:u16 PauseMode:u32
  MemoryPressure:u32
205.3 GC/GlobalHeapHistory: FinalYoungestDesired:x64 NumHeaps:i32 CondemnedGeneration:u32
  Gen0ReductionCount:u32 Reason:u32 GlobalMechanisms:u32 ClrInstanceID:u16 PauseMode:u32
  MemoryPressure:u32 CondemnReasons0:u32 CondemnReasons1:u32
205.4 GC/GlobalHeapHistory: FinalYoungestDesired:x64 NumHeaps:i32 CondemnedGeneration:u32
  Gen0ReductionCount:u32 Reason:u32 GlobalMechanisms:u32 ClrInstanceID:u16 PauseMode:u32
  MemoryPressure:u32 CondemnReasons0:u32 CondemnReasons1:u32 Count:u32 Values[Count]{Time:u32}
208.0 GC/LOHCompact: ClrInstanceID:u16 Count:u16 Values[Count]{TimePlan:u32 TimeCompact:u32
  TimeRelocate:u32 Padding:u32 TotalRefs:ptr ZeroRefs:ptr}
209.0 GC/FitBucketInfo: ClrInstanceID:u16 BucketKind:u16 TotalSize:u64 Count:u16
  Values[Count]{Index:u16 Padding:u16 Count:u32 Size:ptr}
250.0 ExceptionCatch/Start, 252.0 ExceptionFinally/Start, 254.0 ExceptionFilter/Start:
  EntryEIP:x64 MethodID:x64 MethodName:wstr ClrInstanceID:u16
260.0 CodeSymbols/Start: ModuleId:u64 TotalChunks:u16 ChunkNumber:u16 ChunkLength:u32
  Chunk:bytes[ChunkLength] ClrInstanceID:u16
270.0 EventSource: EventID:i32 EventName:wstr EventSourceName:wstr Payload:wstr
280.0 TieredCompilation/Settings: ClrInstanceID:u16 Flags:x32=TieredCompilationSettingsFlags
282.0 TieredCompilation/Resume: ClrInstanceID:u16 NewMethodCount:u32
283.0 TieredCompilation/Start: ClrInstanceID:u16 PendingMethodCount:u32
284.0 TieredCompilation/Stop: ClrInstanceID:u16 PendingMethodCount:u32 JittedMethodCount:u32
)";

}  // namespace etw::decode
