// Events of the .NET runtime's other providers, as in its published manifest.
#include "decode/builtin_providers.h"

namespace etw::decode {

const char kClrRundownEvents[] =
    R"(bits ModuleRangeType: 0x4=ColdRange
bits AppDomainFlags: 0x1=Default 0x2=Executable 0x4=Shared
bits AssemblyFlags: 0x1=DomainNeutral 0x2=Dynamic 0x4=Native 0x8=Collectible
bits ModuleFlags: 0x1=DomainNeutral 0x2=Native 0x4=Dynamic 0x8=Manifest 0x10=IbcOptimized
  0x20=ReadyToRunModule 0x40=PartialReadyToRunModule
bits MethodFlags: 0x1=Dynamic 0x2=Generic 0x4=HasSharedGenericCode 0x8=Jitted 0x10=JitHelper
  0x20=ProfilerRejectedPrecompiledCode 0x40=ReadyToRunRejectedPrecompiledCode
bits StartupMode: 0x1=ManagedExe 0x2=HostedClr 0x4=IjwDll 0x8=ComActivated 0x10=Other
bits RuntimeSku: 0x1=DesktopClr 0x2=CoreClr
bits StartupFlags: 0x1=CONCURRENT_GC 0x2=LOADER_OPTIMIZATION_SINGLE_DOMAIN
  0x4=LOADER_OPTIMIZATION_MULTI_DOMAIN 0x10=LOADER_SAFEMODE 0x100=LOADER_SETPREFERENCE
  0x1000=SERVER_GC 0x2000=HOARD_GC_VM 0x4000=SINGLE_VERSION_HOSTING_INTERFACE
  0x10000=LEGACY_IMPERSONATION 0x20000=DISABLE_COMMITTHREADSTACK 0x40000=ALWAYSFLOW_IMPERSONATION
  0x80000=TRIM_GC_COMMIT 0x100000=ETW 0x200000=SERVER_BUILD 0x400000=ARM
bits ThreadFlags: 0x1=GCSpecial 0x2=Finalizer 0x4=ThreadPoolWorker
bits TieredCompilationSettingsFlags: 0x0=None 0x1=QuickJit 0x2=QuickJitForLoops
0.0 ClrStack/Walk: ClrInstanceID:u16 Reserved1:u8 Reserved2:u8 FrameCount:u32 Stack:ptr[]
10.0 GC/SettingsRundown: HardLimit:x64 LOHThreshold:x64 PhysicalMemoryConfig:x64
  Gen0MinBudgetConfig:x64 Gen0MaxBudgetConfig:x64 HighMemPercentConfig:u32 BitSettings:x32
  ClrInstanceID:u16
141.0 Method/DCStart, 142.0 Method/DCStop: MethodID:x64 ModuleID:x64 MethodStartAddress:x64
  MethodSize:u32 MethodToken:u32 MethodFlags:u32=MethodFlags
141.1 Method/DCStart, 142.1 Method/DCStop: MethodID:x64 ModuleID:x64 MethodStartAddress:x64
  MethodSize:x32 MethodToken:x32 MethodFlags:u32=MethodFlags ClrInstanceID:u16
141.2 Method/DCStart, 142.2 Method/DCStop: MethodID:x64 ModuleID:x64 MethodStartAddress:x64
  MethodSize:x32 MethodToken:x32 MethodFlags:u32=MethodFlags ClrInstanceID:u16 ReJITID:x64
143.0 Method/DCStartVerbose, 144.0 Method/DCStopVerbose: MethodID:x64 ModuleID:x64
  MethodStartAddress:x64 MethodSize:x32 MethodToken:x32 MethodFlags:u32=MethodFlags
  MethodNamespace:wstr MethodName:wstr MethodSignature:wstr
143.1 Method/DCStartVerbose, 144.1 Method/DCStopVerbose: MethodID:x64 ModuleID:x64
  MethodStartAddress:x64 MethodSize:x32 MethodToken:x32 MethodFlags:u32=MethodFlags
  MethodNamespace:wstr MethodName:wstr MethodSignature:wstr ClrInstanceID:u16
143.2 Method/DCStartVerbose, 144.2 Method/DCStopVerbose: MethodID:x64 ModuleID:x64
  MethodStartAddress:x64 MethodSize:x32 MethodToken:x32 MethodFlags:u32=MethodFlags
  MethodNamespace:wstr MethodName:wstr MethodSignature:wstr ClrInstanceID:u16 ReJITID:x64
145.0 Method/DCStartComplete, 146.0 Method/DCStopComplete, 147.0 Method/DCStartInit,
  148.0 Method/DCStopInit:
145.1 Method/DCStartComplete, 146.1 Method/DCStopComplete, 147.1 Method/DCStartInit,
  148.1 Method/DCStopInit: ClrInstanceID:u16
149.0 Method/MethodDCStartILToNativeMap, 150.0 Method/MethodDCEndILToNativeMap: MethodID:x64
  ReJITID:x64 MethodExtent:u8 CountOfMapEntries:u16 ILOffsets:u32[CountOfMapEntries]
  NativeOffsets:u32[CountOfMapEntries] ClrInstanceID:u16
151.0 Loader/DomainModuleDCStart, 152.0 Loader/DomainModuleDCStop: ModuleID:x64 AssemblyID:x64
  AppDomainID:x64 ModuleFlags:u32=ModuleFlags Reserved1:u32 ModuleILPath:wstr
  ModuleNativePath:wstr
151.1 Loader/DomainModuleDCStart, 152.1 Loader/DomainModuleDCStop: ModuleID:x64 AssemblyID:x64
  AppDomainID:x64 ModuleFlags:u32=ModuleFlags Reserved1:u32 ModuleILPath:wstr
  ModuleNativePath:wstr ClrInstanceID:u16
153.0 Loader/ModuleDCStart, 154.0 Loader/ModuleDCStop: ModuleID:x64 AssemblyID:x64
  ModuleFlags:u32=ModuleFlags Reserved1:u32 ModuleILPath:wstr ModuleNativePath:wstr
153.1 Loader/ModuleDCStart, 154.1 Loader/ModuleDCStop: ModuleID:x64 AssemblyID:x64
  ModuleFlags:u32=ModuleFlags Reserved1:u32 ModuleILPath:wstr ModuleNativePath:wstr
  ClrInstanceID:u16
153.2 Loader/ModuleDCStart, 154.2 Loader/ModuleDCStop: ModuleID:x64 AssemblyID:x64
  ModuleFlags:u32=ModuleFlags Reserved1:u32 ModuleILPath:wstr ModuleNativePath:wstr
  ClrInstanceID:u16 ManagedPdbSignature:guid ManagedPdbAge:u32 ManagedPdbBuildPath:wstr
  NativePdbSignature:guid NativePdbAge:u32 NativePdbBuildPath:wstr
155.0 Loader/AssemblyDCStart, 156.0 Loader/AssemblyDCStop: AssemblyID:x64 AppDomainID:x64
  AssemblyFlags:u32=AssemblyFlags FullyQualifiedAssemblyName:wstr
155.1 Loader/AssemblyDCStart, 156.1 Loader/AssemblyDCStop: AssemblyID:x64 AppDomainID:x64
  BindingID:x64 AssemblyFlags:u32=AssemblyFlags FullyQualifiedAssemblyName:wstr ClrInstanceID:u16
157.0 Loader/AppDomainDCStart, 158.0 Loader/AppDomainDCStop: AppDomainID:x64
  AppDomainFlags:u32=AppDomainFlags AppDomainName:wstr
157.1 Loader/AppDomainDCStart, 158.1 Loader/AppDomainDCStop: AppDomainID:x64
  AppDomainFlags:u32=AppDomainFlags AppDomainName:wstr AppDomainIndex:u32 ClrInstanceID:u16
159.0 Loader/ThreadDCStop: ManagedThreadID:x64 AppDomainID:x64 Flags:u32=ThreadFlags
  ManagedThreadIndex:u32 OSThreadID:u32 ClrInstanceID:u16
160.0 ClrPerfTrack/ModuleRangeDCStart, 161.0 ClrPerfTrack/ModuleRangeDCEnd: ClrInstanceID:u16
  ModuleID:x64 RangeBegin:x32 RangeSize:x32 RangeType:u8=ModuleRangeType
187.0 Runtime/Start: ClrInstanceID:u16 Sku:u16=RuntimeSku BclMajorVersion:u16 BclMinorVersion:u16
  BclBuildNumber:u16 BclQfeNumber:u16 VMMajorVersion:u16 VMMinorVersion:u16 VMBuildNumber:u16
  VMQfeNumber:u16 StartupFlags:u32=StartupFlags StartupMode:u8=StartupMode CommandLine:wstr
  ComObjectGuid:guid RuntimeDllPath:wstr
280.0 TieredCompilationRundown/SettingsDCStart: ClrInstanceID:u16
  Flags:x32=TieredCompilationSettingsFlags
)";

const char kClrStressEvents[] =
    R"(0.0 StressLog/Start: Facility:x32 LogLevel:u8 Message:str
0.1 StressLog/Start: Facility:x32 LogLevel:u8 Message:str ClrInstanceID:u16
1.0 ClrStack/Walk: ClrInstanceID:u16 Reserved1:u8 Reserved2:u8 FrameCount:u32 Stack:ptr[]
)";

const char kClrPrivateEvents[] =
    R"(map ModuleRangeSectionType: 1=ModuleSection 2=EETableSection 3=WriteDataSection
  4=WriteableDataSection 5=DataSection 6=RVAStaticsSection 7=EEDataSection
  8=DelayLoadInfoTableEagerSection 9=DelayLoadInfoTableSection 10=EEReadonlyData 11=ReadonlyData
  12=ClassSection 13=CrossDomainInfoSection 14=MethodDescSection 15=MethodDescWriteableSection
  16=ExceptionSection 17=InstrumentSection 18=VirtualImportThunkSection
  19=ExternalMethodThunkSection 20=HelperTableSection 21=MethodPrecodeWriteableSection
  22=MethodPrecodeWriteSection 23=MethodPrecodeSection 24=Win32ResourcesSection 25=HeaderSection
  26=MetadataSection 27=DelayLoadInfoSection 28=ImportTableSection 29=CodeSection
  30=CodeHeaderSection 31=CodeManagerSection 32=UnwindDataSection 33=RuntimeFunctionSection
  34=StubsSection 35=StubDispatchDataSection 36=ExternalMethodDataSection
  37=DelayLoadInfoDelayListSection 38=ReadonlySharedSection 39=ReadonlySection 40=ILSection
  41=GCInfoSection 42=ILMetadataSection 43=ResourcesSection 44=CompressedMapsSection
  45=DebugSection 46=BaseRelocsSection
map GCHandleKind: 0=WeakShort 1=WeakLong 2=Strong 3=Pinned 4=Variable 5=RefCounted 6=Dependent
  7=AsyncPinned 8=SizedRef
bits ModuleRangeIBCType: 0x1=IBCUnprofiledSection 0x2=IBCProfiledSection
bits ModuleRangeType: 0x1=HotRange 0x2=WarmRange 0x4=ColdRange 0x8=HotColdSortedRange
1.0 GC/Decision: DoCompact:bool
1.1 GC/Decision: DoCompact:bool ClrInstanceID:u16
2.0 GC/Settings: SegmentSize:u64 LargeObjectSegmentSize:u64 ServerGC:bool
2.1 GC/Settings: SegmentSize:u64 LargeObjectSegmentSize:u64 ServerGC:bool ClrInstanceID:u16
3.0 GC/Optimized: DesiredAllocation:x64 NewAllocation:x64 GenerationNumber:u32
3.1 GC/Optimized: DesiredAllocation:x64 NewAllocation:x64 GenerationNumber:u32 ClrInstanceID:u16
4.1 GC/PerHeapHistory, 11.0 GC/BGCStart, 12.0 GC/BGC1stNonCondStop, 13.0 GC/BGC1stConStop,
  14.0 GC/BGC2ndNonConStart, 15.0 GC/BGC2ndNonConStop, 16.0 GC/BGC2ndConStart,
  17.0 GC/BGC2ndConStop, 18.0 GC/BGCPlanStop, 19.0 GC/BGCSweepStop, 80.1 Startup/EEStartupStart,
  81.1 Startup/EEStartupStop, 82.1 Startup/EEConfigSetupStart, 83.1 Startup/EEConfigSetupStop,
  84.1 Startup/LoadSystemBasesStart, 85.1 Startup/LoadSystemBasesStop, 86.1 Startup/ExecExeStart,
  87.1 Startup/ExecExeStop, 88.1 Startup/MainStart, 89.1 Startup/MainStop,
  90.1 Startup/ApplyPolicyStart, 91.1 Startup/ApplyPolicyStop, 92.1 Startup/LdLibShFolderStart,
  93.1 Startup/LdLibShFolderStop, 94.1 Startup/PrestubWorkerStart, 95.1 Startup/PrestubWorkerStop,
  96.1 Startup/GetInstallationStart, 97.1 Startup/GetInstallationStop,
  98.1 Startup/OpenHModuleStart, 99.1 Startup/OpenHModuleStop, 100.1 Startup/ExplicitBindStart,
  101.1 Startup/ExplicitBindStop, 102.1 Startup/ParseXmlStart, 103.1 Startup/ParseXmlStop,
  104.1 Startup/InitDefaultDomainStart, 105.1 Startup/InitDefaultDomainStop,
  106.1 Startup/InitSecurityStart, 107.1 Startup/InitSecurityStop,
  108.1 Startup/AllowBindingRedirsStart, 109.1 Startup/AllowBindingRedirsStop,
  110.1 Startup/EEConfigSyncStart, 111.1 Startup/EEConfigSyncStop, 112.1 Startup/BindingStart,
  113.1 Startup/BindingStop, 114.1 Startup/LoaderCatchCallStart,
  115.1 Startup/LoaderCatchCallStop, 116.1 Startup/FusionInitStart, 117.1 Startup/FusionInitStop,
  118.1 Startup/FusionAppCtxStart, 119.1 Startup/FusionAppCtxStop, 120.1 Startup/Fusion2EEStart,
  121.1 Startup/Fusion2EEStop, 122.1 Startup/SecurityCatchCallStart,
  123.1 Startup/SecurityCatchCallStop, 411.0 ClrDynamicTypeUsage/BeginCreateManagedReference,
  412.0 ClrDynamicTypeUsage/EndCreateManagedReference: ClrInstanceID:u16
4.2 GC/PerHeapHistory, 80.0 Startup/EEStartupStart, 81.0 Startup/EEStartupStop,
  82.0 Startup/EEConfigSetupStart, 83.0 Startup/EEConfigSetupStop,
  84.0 Startup/LoadSystemBasesStart, 85.0 Startup/LoadSystemBasesStop, 86.0 Startup/ExecExeStart,
  87.0 Startup/ExecExeStop, 88.0 Startup/MainStart, 89.0 Startup/MainStop,
  90.0 Startup/ApplyPolicyStart, 91.0 Startup/ApplyPolicyStop, 92.0 Startup/LdLibShFolderStart,
  93.0 Startup/LdLibShFolderStop, 94.0 Startup/PrestubWorkerStart, 95.0 Startup/PrestubWorkerStop,
  96.0 Startup/GetInstallationStart, 97.0 Startup/GetInstallationStop,
  98.0 Startup/OpenHModuleStart, 99.0 Startup/OpenHModuleStop, 100.0 Startup/ExplicitBindStart,
  101.0 Startup/ExplicitBindStop, 102.0 Startup/ParseXmlStart, 103.0 Startup/ParseXmlStop,
  104.0 Startup/InitDefaultDomainStart, 105.0 Startup/InitDefaultDomainStop,
  106.0 Startup/InitSecurityStart, 107.0 Startup/InitSecurityStop,
  108.0 Startup/AllowBindingRedirsStart, 109.0 Startup/AllowBindingRedirsStop,
  110.0 Startup/EEConfigSyncStart, 111.0 Startup/EEConfigSyncStop, 112.0 Startup/BindingStart,
  113.0 Startup/BindingStop, 114.0 Startup/LoaderCatchCallStart,
  115.0 Startup/LoaderCatchCallStop, 116.0 Startup/FusionInitStart, 117.0 Startup/FusionInitStop,
  118.0 Startup/FusionAppCtxStart, 119.0 Startup/FusionAppCtxStop, 120.0 Startup/Fusion2EEStart,
  121.0 Startup/Fusion2EEStop, 122.0 Startup/SecurityCatchCallStart,
  123.0 Startup/SecurityCatchCallStop:
5.0 GC/GlobalHeapHistory: FinalYoungestDesired:x64 NumHeaps:i32 CondemnedGeneration:u32
  Gen0ReductionCount:u32 Reason:u32 GlobalMechanisms:u32
5.1 GC/GlobalHeapHistory: FinalYoungestDesired:x64 NumHeaps:i32 CondemnedGeneration:u32
  Gen0ReductionCount:u32 Reason:u32 GlobalMechanisms:u32 ClrInstanceID:u16
6.0 GC/Join: Heap:u32 JoinTime:u32 JoinType:u32
6.1 GC/Join: Heap:u32 JoinTime:u32 JoinType:u32 ClrInstanceID:u16
7.0 GC/MarkStackRoots, 8.0 GC/MarkFinalizeQueueRoots, 9.0 GC/MarkHandles, 10.0 GC/MarkCards:
  HeapNum:u32
7.1 GC/MarkStackRoots, 8.1 GC/MarkFinalizeQueueRoots, 9.1 GC/MarkHandles, 10.1 GC/MarkCards:
  HeapNum:u32 ClrInstanceID:u16
20.0 GC/BGCDrainMark: Objects:u64 ClrInstanceID:u16
21.0 GC/BGCRevisit: Pages:u64 Objects:u64 IsLarge:u32 ClrInstanceID:u16
22.0 GC/BGCOverflow: Min:u64 Max:u64 Objects:u64 IsLarge:u32 ClrInstanceID:u16
23.0 GC/BGCAllocWaitStart, 24.0 GC/BGCAllocWaitStop: Reason:u32 ClrInstanceID:u16
25.0 GC/FullNotify: GenNumber:u32 IsAlloc:u32
25.1 GC/FullNotify: GenNumber:u32 IsAlloc:u32 ClrInstanceID:u16
26.0 GC/BGC1stSweepEnd: GenNumber:u32 ClrInstanceID:u16
151.0 ClrStack/Walk: ClrInstanceID:u16 Reserved1:u8 Reserved2:u8 FrameCount:u32 Stack:ptr[]
158.0 ClrPerfTrack/ModuleRangeLoad: ClrInstanceID:u16 ModuleID:x64 RangeBegin:x32 RangeSize:x32
  RangeType:u8=ModuleRangeType IBCType:u8=ModuleRangeIBCType
  SectionType:u16=ModuleRangeSectionType
159.0 Binding/PolicyPhaseStart, 160.0 Binding/PolicyPhaseStop, 161.0 Binding/NgenPhaseStart,
  162.0 Binding/NgenPhaseStop, 163.0 Binding/LoopupAndProbingPhaseStart,
  164.0 Binding/LookupAndProbingPhaseStop, 165.0 Binding/LoaderPhaseStart,
  166.0 Binding/LoaderPhaseStop, 167.0 Binding/PhaseStart, 168.0 Binding/PhaseStop,
  169.0 Binding/DownloadPhaseStart, 170.0 Binding/DownloadPhaseStop,
  171.0 Binding/LoaderAssemblyInitPhaseStart, 172.0 Binding/LoaderAssemblyInitPhaseStop,
  173.0 Binding/LoaderMappingPhaseStart, 174.0 Binding/LoaderMappingPhaseStop,
  175.0 Binding/LoaderDeliverEventPhaseStart, 176.0 Binding/LoaderDeliverEventsPhaseStop:
  AppDomainID:u32 LoadContextID:u32 FromLoaderCache:u32 DynamicLoad:u32 AssemblyCodebase:wstr
  AssemblyName:wstr ClrInstanceID:u16
177.0 EvidenceGeneration/EvidenceGenerated: Type:u32 AppDomain:u32 ILImage:wstr ClrInstanceID:u16
178.0 Transparency/ModuleTransparencyComputationStart: Module:wstr AppDomainID:u32
  ClrInstanceID:u16
179.0 Transparency/ModuleTransparencyComputationStop: Module:wstr AppDomainID:u32
  IsAllCritical:bool IsAllTransparent:bool IsTreatAsSafe:bool IsOpportunisticallyCritical:bool
  SecurityRuleSet:u32 ClrInstanceID:u16
180.0 Transparency/TypeTransparencyComputationStart: Type:wstr Module:wstr AppDomainID:u32
  ClrInstanceID:u16
181.0 Transparency/TypeTransparencyComputationStop: Type:wstr Module:wstr AppDomainID:u32
  IsAllCritical:bool IsAllTransparent:bool IsCritical:bool IsTreatAsSafe:bool ClrInstanceID:u16
182.0 Transparency/MethodTransparencyComputationStart: Method:wstr Module:wstr AppDomainID:u32
  ClrInstanceID:u16
183.0 Transparency/MethodTransparencyComputationStop: Method:wstr Module:wstr AppDomainID:u32
  IsCritical:bool IsTreatAsSafe:bool ClrInstanceID:u16
184.0 Transparency/FieldTransparencyComputationStart: Field:wstr Module:wstr AppDomainID:u32
  ClrInstanceID:u16
185.0 Transparency/FieldTransparencyComputationStop: Field:wstr Module:wstr AppDomainID:u32
  IsCritical:bool IsTreatAsSafe:bool ClrInstanceID:u16
186.0 Transparency/TokenTransparencyComputationStart: Token:u32 Module:wstr AppDomainID:u32
  ClrInstanceID:u16
187.0 Transparency/TokenTransparencyComputationStop: Token:u32 Module:wstr AppDomainID:u32
  IsCritical:bool IsTreatAsSafe:bool ClrInstanceID:u16
188.0 NgenBinder/NgenBind: ClrInstanceID:u16 BindingID:u64 ReasonCode:u32 AssemblyName:wstr
191.0 FailFast/FailFast: FailFastUserMessage:wstr FailedEIP:ptr OSExitCode:u32 ClrExitCode:u32
  ClrInstanceID:u16
192.0 GC/FinalizeObject: TypeID:ptr ObjectID:ptr ClrInstanceID:u16 TypeName:wstr
193.0 GC/CCWRefCountChange: HandleID:ptr ObjectID:ptr COMInterfacePointer:ptr NewRefCount:u32
  AppDomainID:x64 ClassName:str NameSpace:str Operation:wstr ClrInstanceID:u16
194.0 GC/SetGCHandle: HandleID:ptr ObjectID:ptr Kind:u32=GCHandleKind Generation:u32
  AppDomainID:x64 ClrInstanceID:u16
195.0 GC/DestoryGCHandle: HandleID:ptr ClrInstanceID:u16
196.0 Binding/FusionMessage: ClrInstanceID:u16 Prepend:bool Message:wstr
197.0 Binding/FusionErrorCode: ClrInstanceID:u16 Category:u32 ErrorCode:u32
199.0 GC/PinPlugAtGCTime: PlugStart:ptr PlugEnd:ptr GapBeforeSize:ptr ClrInstanceID:u16
200.0 GC/CCWRefCountChange: HandleID:ptr ObjectID:ptr COMInterfacePointer:ptr NewRefCount:u32
  AppDomainID:x64 ClassName:wstr NameSpace:wstr Operation:wstr ClrInstanceID:u16
201.0 ClrMulticoreJit/Common: ClrInstanceID:u16 String1:wstr String2:wstr Int1:i32 Int2:i32
  Int3:i32
202.0 ClrMulticoreJit/MethodCodeReturned: ClrInstanceID:u16 ModuleID:u64 MethodID:u64
310.0 LoaderHeap/LoaderHeapAllocRequest: LoaderHeapPtr:ptr MemoryAddress:ptr RequestSize:u32
  Unused1:u32 Unused2:x64 ClrInstanceID:u16
400.0 ClrDynamicTypeUsage/IInspectableRuntimeClassName, 402.0 ClrDynamicTypeUsage/CreateRCW,
  405.0 ClrDynamicTypeUsage/CreateCCW: TypeName:wstr ClrInstanceID:u16
401.0 ClrDynamicTypeUsage/WinRTUnbox, 404.0 ClrDynamicTypeUsage/RCWIEnumerableCasting,
  408.0 ClrDynamicTypeUsage/GetTypeFromGUID, 409.0 ClrDynamicTypeUsage/GetTypeFromProgID,
  410.0 ClrDynamicTypeUsage/ConvertToCallbackEtw: TypeName:wstr SecondTypeName:wstr
  ClrInstanceID:u16
403.0 ClrDynamicTypeUsage/RCWVariance, 406.0 ClrDynamicTypeUsage/CCWVariance: TypeName:wstr
  InterfaceTypeName:wstr VariantInterfaceTypeName:wstr ClrInstanceID:u16
407.0 ClrDynamicTypeUsage/ObjectVariantMarshallingToNative,
  413.0 ClrDynamicTypeUsage/ObjectVariantMarshallingToManaged: TypeName:wstr Int1:i32
  ClrInstanceID:u16
)";

}  // namespace etw::decode
