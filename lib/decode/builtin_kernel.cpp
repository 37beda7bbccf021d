// Events of the kernel's manifest providers: field names and layouts.
#include "decode/builtin_providers.h"

namespace etw::decode {

const char kKernelProcessEvents[] =
    R"(1.0 ProcessStart/Start: ProcessID:u32 CreateTime:filetime ParentProcessID:u32 SessionID:u32
  ImageName:wstr
1.1 ProcessStart/Start: ProcessID:u32 CreateTime:filetime ParentProcessID:u32 SessionID:u32
  Flags:u32 ImageName:wstr
1.2 ProcessStart/Start, 15.0 ProcessRundown: ProcessID:u32 CreateTime:filetime ParentProcessID:u32
  SessionID:u32 Flags:u32 ImageName:wstr ImageChecksum:u32 TimeDateStamp:u32 PackageFullName:wstr
  PackageRelativeAppId:wstr
2.0 ProcessStop/Stop: ProcessID:u32 CreateTime:filetime ExitTime:filetime ExitCode:u32
  TokenElevationType:u32 HandleCount:u32 CommitCharge:u64 CommitPeak:u64 ImageName:str
2.1 ProcessStop/Stop: ProcessID:u32 CreateTime:filetime ExitTime:filetime ExitCode:u32
  TokenElevationType:u32 HandleCount:u32 CommitCharge:u64 CommitPeak:u64 CPUCycleCount:u64
  ReadOperationCount:u32 WriteOperationCount:u32 ReadTransferKiloBytes:u32
  WriteTransferKiloBytes:u32 HardFaultCount:u32 ImageName:str
3.0 ThreadStart/Start, 4.0 ThreadStop/Stop: ProcessID:u32 ThreadID:u32 StackBase:ptr
  StackLimit:ptr UserStackBase:ptr UserStackLimit:ptr StartAddr:ptr Win32StartAddr:ptr TebBase:ptr
3.1 ThreadStart/Start: ProcessID:u32 ThreadID:u32 StackBase:ptr StackLimit:ptr UserStackBase:ptr
  UserStackLimit:ptr StartAddr:ptr Win32StartAddr:ptr TebBase:ptr SubProcessTag:u32
4.1 ThreadStop/Stop: ProcessID:u32 ThreadID:u32 StackBase:ptr StackLimit:ptr UserStackBase:ptr
  UserStackLimit:ptr StartAddr:ptr Win32StartAddr:ptr TebBase:ptr SubProcessTag:u32 CycleTime:u64
5.0 ImageLoad, 6.0 ImageUnload: ImageBase:ptr ImageSize:ptr ProcessID:u32 ImageCheckSum:u32
  TimeDateStamp:u32 DefaultBase:ptr ImageName:wstr
7.0 CpuBasePriorityChange, 8.0 CpuPriorityChange, 9.0 PagePriorityChange, 10.0 IoPriorityChange:
  ProcessID:u32 ThreadID:u32 OldPriority:u8 NewPriority:u8
11.0 ProcessFreeze/Start, 12.0 ProcessFreeze/Stop: FrozenProcessID:u32
11.1 ProcessFreeze/Start, 12.1 ProcessFreeze/Stop: FrozenProcessID:u32 CreateTime:filetime
13.0 JobStart/Start, 14.0 JobTerminate/Stop: ContainerID:guid JobID:u32 StatusCode:u32
16.0 task_0:
17.0 PsDiskIoAttribution/Start, 18.0 PsDiskIoAttribution/Stop: JobID:u32 DiskIoAttribution:ptr
  StatusCode:u32
19.0 PsIoRateControl/Start, 20.0 PsIoRateControl/Stop: JobID:u32 IoRateControl:ptr ControlType:u32
  RateType:u32 RateAmount:u32 StatusCode:u32
19.1 PsIoRateControl/Start, 20.1 PsIoRateControl/Stop: JobID:u32 IoRateControl:ptr MaxIops:u64
  MaxBandwidth:u64 MaxTimePercent:u64 ReservationIops:u64 ReservationBandwidth:u64
  ReservationTimePercent:u64 CriticalReservationIops:u64 CriticalReservationBandwidth:u64
  CriticalReservationTimePercent:u64 ControlFlags:u32 VolumeName:wstr StatusCode:u32
19.2 PsIoRateControl/Start, 20.2 PsIoRateControl/Stop: JobID:u32 IoRateControl:ptr MaxIops:u64
  MaxBandwidth:u64 MaxTimePercent:u64 ReservationIops:u64 ReservationBandwidth:u64
  ReservationTimePercent:u64 CriticalReservationIops:u64 CriticalReservationBandwidth:u64
  CriticalReservationTimePercent:u64 SoftMaxIops:u64 SoftMaxBandwidth:u64 SoftMaxTimePercent:u64
  ControlFlags:u32 VolumeName:wstr StatusCode:u32
21.0 ThreadWorkOnBehalfUpdate: OldWorkOnBehalfThreadID:u32 NewWorkOnBehalfThreadID:u32
)";

const char kKernelFileEvents[] =
    R"(10.0 NameCreate, 11.0 NameDelete: FileKey:ptr FileName:wstr
12.0 Create, 30.0 CreateNewFile: Irp:ptr ThreadId:ptr FileObject:ptr CreateOptions:u32
  CreateAttributes:u32 ShareAccess:u32 FileName:wstr
12.1 Create, 30.1 CreateNewFile: Irp:ptr FileObject:ptr IssuingThreadId:u32 CreateOptions:u32
  CreateAttributes:u32 ShareAccess:u32 FileName:wstr
13.0 Cleanup, 14.0 Close, 21.0 Flush: Irp:ptr ThreadId:ptr FileObject:ptr FileKey:ptr
13.1 Cleanup, 14.1 Close, 21.1 Flush: Irp:ptr FileObject:ptr FileKey:ptr IssuingThreadId:u32
15.0 Read, 16.0 Write: ByteOffset:u64 Irp:ptr ThreadId:ptr FileObject:ptr FileKey:ptr IOSize:u32
  IOFlags:u32
15.1 Read, 16.1 Write: ByteOffset:u64 Irp:ptr FileObject:ptr FileKey:ptr IssuingThreadId:u32
  IOSize:u32 IOFlags:u32 ExtraFlags:u32
17.0 SetInformation, 18.0 SetDelete, 19.0 Rename, 22.0 QueryInformation, 23.0 FSCTL, 29.0 Rename:
  Irp:ptr ThreadId:ptr FileObject:ptr FileKey:ptr ExtraInformation:ptr InfoClass:u32
17.1 SetInformation, 18.1 SetDelete, 19.1 Rename, 22.1 QueryInformation, 23.1 FSCTL, 29.1 Rename:
  Irp:ptr FileObject:ptr FileKey:ptr ExtraInformation:ptr IssuingThreadId:u32 InfoClass:u32
20.0 DirEnum, 25.0 DirNotify: Irp:ptr ThreadId:ptr FileObject:ptr FileKey:ptr Length:u32
  InfoClass:u32 FileIndex:u32 FileName:wstr
20.1 DirEnum, 25.1 DirNotify: Irp:ptr FileObject:ptr FileKey:ptr IssuingThreadId:u32 Length:u32
  InfoClass:u32 FileIndex:u32 FileName:wstr
24.0 OperationEnd: Irp:ptr ExtraInformation:ptr Status:u32
26.0 DeletePath, 27.0 RenamePath, 28.0 SetLinkPath: Irp:ptr ThreadId:ptr FileObject:ptr
  FileKey:ptr ExtraInformation:ptr InfoClass:u32 FilePath:wstr
26.1 DeletePath, 27.1 RenamePath, 28.1 SetLinkPath: Irp:ptr FileObject:ptr FileKey:ptr
  ExtraInformation:ptr IssuingThreadId:u32 InfoClass:u32 FilePath:wstr
)";

const char kKernelNetworkEvents[] =
    R"(10.0 KERNEL_NETWORK_TASK_TCPIP/Datasent.: PID:u32 size:u32 daddr:ip4 saddr:ip4 dport:port
  sport:port startime:u32 endtime:u32 seqnum:u32 connid:u32
11.0 KERNEL_NETWORK_TASK_TCPIP/Datareceived., 13.0 KERNEL_NETWORK_TASK_TCPIP/Disconnectissued.,
  14.0 KERNEL_NETWORK_TASK_TCPIP/Dataretransmitted.,
  16.0 KERNEL_NETWORK_TASK_TCPIP/Reconnectattempted.,
  18.0 KERNEL_NETWORK_TASK_TCPIP/Protocolcopieddataonbehalfofuser.,
  42.0 KERNEL_NETWORK_TASK_UDPIP/DatasentoverUDPprotocol.,
  43.0 KERNEL_NETWORK_TASK_UDPIP/DatareceivedoverUDPprotocol.: PID:u32 size:u32 daddr:ip4
  saddr:ip4 dport:port sport:port seqnum:u32 connid:u32
12.0 KERNEL_NETWORK_TASK_TCPIP/Connectionattempted.,
  15.0 KERNEL_NETWORK_TASK_TCPIP/Connectionaccepted.: PID:u32 size:u32 daddr:ip4 saddr:ip4
  dport:port sport:port mss:u16 sackopt:u16 tsopt:u16 wsopt:u16 rcvwin:u32 rcvwinscale:u16
  sndwinscale:u16 seqnum:u32 connid:u32
17.0 KERNEL_NETWORK_TASK_TCPIP/TCPconnectionattemptfailed.,
  49.0 KERNEL_NETWORK_TASK_UDPIP/UDPconnectionattemptfailed.: Proto:u16 FailureCode:u16
26.0 KERNEL_NETWORK_TASK_TCPIP/Datasent.: PID:u32 size:u32 daddr:ip6 saddr:ip6 dport:port
  sport:port startime:u32 endtime:u32 seqnum:u32 connid:u32
27.0 KERNEL_NETWORK_TASK_TCPIP/Datareceived., 29.0 KERNEL_NETWORK_TASK_TCPIP/Disconnectissued.,
  30.0 KERNEL_NETWORK_TASK_TCPIP/Dataretransmitted.,
  32.0 KERNEL_NETWORK_TASK_TCPIP/Reconnectattempted.,
  34.0 KERNEL_NETWORK_TASK_TCPIP/Protocolcopieddataonbehalfofuser.,
  58.0 KERNEL_NETWORK_TASK_UDPIP/DatasentoverUDPprotocol.,
  59.0 KERNEL_NETWORK_TASK_UDPIP/DatareceivedoverUDPprotocol.: PID:u32 size:u32 daddr:ip6
  saddr:ip6 dport:port sport:port seqnum:u32 connid:u32
28.0 KERNEL_NETWORK_TASK_TCPIP/Connectionattempted.,
  31.0 KERNEL_NETWORK_TASK_TCPIP/Connectionaccepted.: PID:u32 size:u32 daddr:ip6 saddr:ip6
  dport:port sport:port mss:u16 sackopt:u16 tsopt:u16 wsopt:u16 rcvwin:u32 rcvwinscale:u16
  sndwinscale:u16 seqnum:u32 connid:u32
)";

const char kKernelRegistryEvents[] =
    R"(1.0 task_0CreateKey, 2.0 task_0OpenKey: BaseObject:ptr KeyObject:ptr Status:u32 Disposition:u32
  BaseName:wstr RelativeName:wstr
3.0 task_0DeleteKey, 12.0 task_0FlushKey, 13.0 task_0CloseKey, 14.0 task_0QuerySecurityKey,
  15.0 task_0SetSecurityKey: KeyObject:ptr Status:u32 KeyName:wstr
4.0 task_0QueryKey, 11.0 task_0SetInformationKey: KeyObject:ptr Status:u32 InfoClass:u32
  DataSize:u32 KeyName:wstr CapturedDataSize:u16 CapturedData:bytes[CapturedDataSize]
5.0 task_0SetValueKey: KeyObject:ptr Status:u32 Type:u32 DataSize:u32 KeyName:wstr ValueName:wstr
  CapturedDataSize:u16 CapturedData:bytes[CapturedDataSize] PreviousDataType:u32
  PreviousDataSize:u32 PreviousDataCapturedSize:u16 PreviousData:bytes[PreviousDataCapturedSize]
6.0 task_0DeleteValueKey: KeyObject:ptr Status:u32 KeyName:wstr ValueName:wstr
7.0 task_0QueryValueKey: KeyObject:ptr Status:u32 InfoClass:u32 DataSize:u32 KeyName:wstr
  ValueName:wstr CapturedDataSize:u16 CapturedData:bytes[CapturedDataSize]
8.0 task_0EnumerateKey, 9.0 task_0EnumerateValueKey: KeyObject:ptr Status:u32 Index:u32
  InfoClass:u32 DataSize:u32 KeyName:wstr CapturedDataSize:u16
  CapturedData:bytes[CapturedDataSize]
10.0 task_0QueryMultipleValueKey: KeyObject:ptr Status:u32 EntryCount:u32 DataSize:u32
  KeyName:wstr
16.0 Thisgroupofeventstrackstheperformanceofmountinghivesfromexistingfiles./Start,
  23.0 Thisgroupofeventstrackstheperformanceofflushinghives./RegPerfOpHiveFlushBecameActiveFlusher,
  28.0 Thisgroupofeventstrackstheperformanceofflushinghives./RegPerfOpHiveFlushBoostedActiveFlusher,
  29.0 Thisgroupofeventstrackstheperformanceofflushinghives./RegPerfOpHiveFlushStartWaitForActive,
  30.0 Thisgroupofeventstrackstheperformanceofflushinghives./RegPerfOpHiveFlushFinishWaitForActive,
  32.0 Thisgroupofeventstrackstheperformanceofregistryshutdown./Start,
  33.0 Thisgroupofeventstrackstheperformanceofregistryshutdown./Start,
  34.0 Thisgroupofeventstrackstheperformanceofregistryshutdown./RegPerfOpShutdownFlushStart,
  35.0 Thisgroupofeventstrackstheperformanceofregistryshutdown./RegPerfOpShutdownFlushStop,
  36.0 Thisgroupofeventstrackstheperformanceofregistryshutdown./Stop,
  42.0 Thisgroupofeventstrackstheperformanceofexportinghives./RegPerfOpSaveFileCopied,
  43.0 Thisgroupofeventstrackstheperformanceofexportinghives./RegPerfOpSaveTreeCopied,
  44.0 Thisgroupofeventstrackstheperformanceofexportinghives./RegPerfOpSaveFileWritten:
17.0 Thisgroupofeventstrackstheperformanceofmountinghivesfromexistingfiles./RegPerfOpHiveMountBaseFileMounted:
  HiveFilePath:wstr FileSize:u32
18.0 Thisgroupofeventstrackstheperformanceofmountinghivesfromexistingfiles./RegPerfOpHiveMountLogEntryApplied:
  TotalEntrySize:u32 BytesRecovered:u32
19.0 Thisgroupofeventstrackstheperformanceofmountinghivesfromexistingfiles./Stop,
  21.0 Thisgroupofeventstrackstheperformanceofunloadinghives./Stop,
  31.0 Thisgroupofeventstrackstheperformanceofflushinghives./Stop,
  38.0 Thisgroupofeventstrackstheperformanceofloadinghives./Stop,
  40.0 Thisgroupofeventstrackstheperformanceofrestoringhives./Stop,
  45.0 Thisgroupofeventstrackstheperformanceofexportinghives./Stop: StatusCode:x32
20.0 Thisgroupofeventstrackstheperformanceofunloadinghives./Start: HiveFilePath:wstr
  HiveMountPoint:wstr
22.0 Thisgroupofeventstrackstheperformanceofflushinghives./Start: HiveFilePath:wstr
  HiveMountPoint:wstr FlushFlags:x32
24.0 Thisgroupofeventstrackstheperformanceofflushinghives./RegPerfOpHiveFlushGatheredLogData,
  25.0 Thisgroupofeventstrackstheperformanceofflushinghives./RegPerfOpHiveFlushGatheredPrimaryData:
  BytesGathered:u32
26.0 Thisgroupofeventstrackstheperformanceofflushinghives./RegPerfOpHiveFlushWroteLogFile,
  27.0 Thisgroupofeventstrackstheperformanceofflushinghives./RegPerfOpHiveFlushWrotePrimaryFile:
  WritesIssued:u32 BytesWritten:u32
37.0 Thisgroupofeventstrackstheperformanceofloadinghives./Start,
  39.0 Thisgroupofeventstrackstheperformanceofrestoringhives./Start: SourceFile:wstr Flags:x32
41.0 Thisgroupofeventstrackstheperformanceofexportinghives./Start: SourceKeyPath:wstr
)";

const char kKernelDiskEvents[] =
    R"(10.0 task_0, 11.0 task_011: DiskNumber:u32 IrpFlags:x32 TransferSize:u32 Reserved:u32
  ByteOffset:u64 FileObject:ptr IORequestPacket:ptr HighResResponseTime:u64
14.0 task_014: DiskNumber:u32 IrpFlags:x32 HighResResponseTime:u64 IORequestPacket:ptr
)";

const char kKernelMemoryEvents[] =
    R"(1.1 MemInfo: PriorityLevels:u8 ZeroPageCount:ptr FreePageCount:ptr ModifiedPageCount:ptr
  ModifiedNoWritePageCount:ptr BadPageCount:ptr StandbyPageCounts:ptr[PriorityLevels]
  RepurposedPageCounts:ptr[PriorityLevels] ModifiedPageCountPageFile:ptr PagedPoolPageCount:ptr
  NonPagedPoolPageCount:ptr MdlPageCount:ptr CommitPageCount:ptr
2.0 MemInfoWS, 2.1 MemInfoWS, 2.2 MemInfoWS: Count:u32 WSCommitInfo:str[Count]
3.0 MemInfoSessionWS, 3.1 MemInfoSessionWS, 3.2 MemInfoSessionWS: Count:u32
  SessionWSCommitInfo:str[Count]
4.0 WorkingSetOutSwap/Start, 6.0 WorkingSetInSwap/Start: ProcessId:u32
4.1 WorkingSetOutSwap/Start, 6.1 WorkingSetInSwap/Start: ProcessId:u32 Flags:x32
5.0 WorkingSetOutSwap/Stop: ProcessId:u32 Status:x32 PagesProcessed:u32
5.1 WorkingSetOutSwap/Stop: ProcessId:u32 Status:x32 PagesProcessed:ptr
  WriteCombinePagesProcessed:ptr UncachedPagesProcessed:ptr CleanPagesProcessed:ptr
7.0 WorkingSetInSwap/Stop, 9.0 WorkingSetInSwap: ProcessId:u32 Status:x32
8.0 Acg: AcgFlag:u32
)";

const char kKernelEventTracingEvents[] =
    R"(0.0 Logging/WriteBuffer, 2.0 Session/Start, 3.0 Session/Stop, 5.0 Logging/FileSwitch:
  SessionName:wstr FileName:wstr ErrorCode:u32 LoggingMode:u32
1.0 Logging/WriteBuffer: SessionName:wstr ErrorCode:u32 LoggingMode:u32
3.1 Session/Stop: SessionName:wstr FileName:wstr ErrorCode:u32 LoggingMode:u32 FailureReason:u32
4.0 Logging/WriteBuffer: SessionName:wstr FileName:wstr ErrorCode:u32 LoggingMode:u32
  MaxFileSize:u64
8.0 Provider/Register, 9.0 Provider/Unregister: ProviderName:guid
10.0 Session/Start, 11.0 Session/Stop, 12.0 Session/Configure, 13.0 Session/Flush,
  17.0 Session/Configure: SessionGuid:guid LoggerMode:u32 SessionName:wstr LogFileName:wstr
10.1 Session/Start, 11.1 Session/Stop, 20.0 Session: SessionGuid:guid LoggerMode:u32
  SessionName:wstr LogFileName:wstr MinimumBuffers:u32 MaximumBuffers:u32 BufferSize:u32
  PeakBuffersCount:u32 CurrentBuffersCount:u32 FlushThreshold:u32
14.0 Provider/Enable, 15.0 Provider/Disable: ProviderName:guid SessionName:wstr
14.1 Provider/Enable: ProviderName:guid SessionName:wstr MatchAnyKeyword:u64 MatchAllKeyword:u64
  EnableProperty:u32 Level:u8
18.0 StackTrace/UserModeStackTrace, 21.0 SavePersistedLogger/Start_8_1:
19.0 LostEvent: ProviderId:guid StatusCode:u32 EventId:u16 SessionName:wstr
22.0 SavePersistedLogger/Stop_8_2, 23.0 SavePersistedLogger: FileName:wstr BufferSize:u32
  BuffersPersisted:u32 BuffersWritten:u32 Status:u32
)";

const char kKernelAuditEvents[] =
    R"(1.0 task_0: NotifyRoutineAddress:ptr ReturnCode:u32
2.0 task_02: TargetProcessId:u32 ReturnCode:u32
3.0 task_03: LinkSourceName:wstr LinkTargetName:wstr DesiredAccess:u32 ReturnCode:u32
4.0 task_04: ReturnCode:u32
5.0 task_05: TargetProcessId:u32 DesiredAccess:u32 ReturnCode:u32
6.0 task_06: TargetProcessId:u32 TargetThreatId:u32 DesiredAccess:u32 ReturnCode:u32
7.0 task_07, 8.0 task_08: DriverName:wstr ReturnCode:u32
)";

}  // namespace etw::decode
