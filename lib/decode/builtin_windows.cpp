// Events of other providers that logs often have: field names and layouts.
#include "decode/builtin_providers.h"

namespace etw::decode {

// What a scanner was given and what it made of it.
const char kAmsiEvents[] =
    R"(1101.0 AmsiScanBuffer: session:x64 scanStatus:u8 scanResult:u32 appname:wstr contentname:wstr
  contentsize:u32 originalsize:u32 content:bytes[contentsize] hash:bytes[32] contentFiltered:bool
)";

const char kDnsClientEvents[] =
    R"(1000.0 DnsNoServerConfigV4, 1019.0 DnsNoServerConfigV6: Location:u32 Context:u32
1001.0 DnsServerForInterface: Interface:wstr TotalServerCount:u32 Index:u32 DynamicAddress:u8
  AddressLength:u32 Address:bytes[AddressLength]
1002.0 DnsServerQueryChange: Interface:wstr AddressLength:u32 Address:bytes[AddressLength]
1003.0 DnsServerValidationSuccess, 1005.0 DnsServerValidationFailure: AddressLength:u32
  Address:bytes[AddressLength]
1007.0 DnsMissingPrimarySuffix, 1008.0 DnsMissingPrimarySuffixSystem, 1011.0 DnsHostFileError,
  1012.0 DnsHostFileErrorSystem, 60004.0 DnsNetError: ErrorCode:u32 Location:u32 Context:u32
1009.0 DnsNonMatchingSuffix, 1010.0 DnsNonMatchingSuffixSystem: DnsSuffix:wstr AdSuffix:wstr
1013.0 DnsAllServersTimeout, 1014.0 DnsAllServersTimeoutSystem, 1015.0 DnsServerTimeout,
  1016.0 DnsNameError, 1017.0 DnsAuthoritativeResponse, 1024.0 DnsQueryBadXid,
  1025.0 DnsQueryInvalidServerIp: QueryName:wstr AddressLength:u32 Address:bytes[AddressLength]
1018.0 DnsLinkLocal: QueryName:wstr AddressLength:u32 Address:bytes[AddressLength]
  DnsAddressLength:u32 DnsAddress:bytes[DnsAddressLength]
1020.0 DnsReadPolicyTable: KeyName:wstr DnsSecValidationRequired:u32 DnsQueryOverIPSec:u32
  DnsEncryption:u32 DirectAccessServerList:wstr RemoteIPSEC:u32 RemoteEncryption:u32 ProxyType:u32
  ProxyName:wstr
1021.0 DnsMatchPolicyInfo: QueryName:wstr KeyName:wstr DnsSecValidationRequired:u32
  DnsQueryOverIPSec:u32 DnsEncryption:u32 DirectAccessServerList:wstr ProxyType:u32 ProxyName:wstr
1022.0 DnsSecureNoFallback, 1027.0 task_0, 3007.0 task_03007, 3014.0 task_03014,
  3015.0 task_03015: QueryName:wstr
1023.0 DnsPolicySystemReadError, 60008.0 DnsPolicyReadError: RuleName:wstr ErrorCode:u32
1026.0 DnsQueryInvalidQuestion: QueryName:wstr ResponseQuestion:wstr AddressLength:u32
  Address:bytes[AddressLength]
1028.0 DnsMatchPolicyInfo: QueryName:wstr KeyName:wstr DnsSecValidationRequired:u32
  DnsQueryOverIPSec:u32 DnsEncryption:u32 DirectAccessServerList:wstr ProxyType:u32 ProxyName:wstr
  GenericServerList:wstr IdnConfig:u32
3000.0 task_03000, 3002.0 task_03002, 3004.0 task_03004: QueryName:wstr QueryType:u32
  QueryOptions:u64
3001.0 task_03001: Status:u32
3003.0 task_03003, 3005.0 task_03005: QueryName:wstr QueryType:u32 Status:u32
3006.0 task_03006: QueryName:wstr QueryType:u32 QueryOptions:u64 ServerList:wstr
  IsNetworkQuery:u32 NetworkQueryIndex:u32 InterfaceIndex:u32 IsAsyncQuery:u32
3008.0 task_03008: QueryName:wstr QueryType:u32 QueryOptions:u64 QueryStatus:u32 QueryResults:wstr
3009.0 task_03009: QueryName:wstr IsParallelNetworkQuery:u32 NetworkIndex:u32 InterfaceCount:u32
  AdapterName:wstr LocalAddress:wstr DNSServerAddress:wstr
3010.0 task_03010: QueryName:wstr QueryType:u32 DnsServerIpAddress:wstr
3011.0 task_03011: QueryName:wstr QueryType:u32 DnsServerIpAddress:wstr ResponseStatus:u32
3012.0 task_03012: QueryName:wstr NetworkIndex:u32 InterfaceCount:u32 AdapterName:wstr
  LocalAddress:wstr
3013.0 task_03013: QueryName:wstr Status:u32 QueryResults:wstr
3016.0 task_03016: QueryName:wstr QueryType:u32 QueryOptions:u64 InterfaceIndex:u32
3018.0 task_03018: QueryName:wstr QueryType:u32 QueryOptions:u64 Status:u32 QueryResults:wstr
3019.0 task_03019: QueryName:wstr QueryType:u32 InterfaceIndex:u32 NetworkIndex:u32
3020.0 task_03020: QueryName:wstr QueryType:u32 NetworkIndex:u32 InterfaceIndex:u32 Status:u32
  QueryResults:wstr
8001.0 DnsGenericError, 8002.0 DnsGenericError: ErrorCode:u32
8003.0 DnsRegistration, 8004.0 DnsRegistration, 8005.0 DnsRegistration, 8006.0 DnsRegistration,
  8007.0 DnsRegistration, 8008.0 DnsRegistration, 8009.0 DnsRegistration, 8010.0 DnsRegistration,
  8011.0 DnsRegistration, 8012.0 DnsRegistration, 8013.0 DnsRegistration, 8014.0 DnsRegistration,
  8015.0 DnsRegistration, 8016.0 DnsRegistration, 8017.0 DnsRegistration, 8018.0 DnsRegistration,
  8019.0 DnsRegistration, 8020.0 DnsRegistration, 8021.0 DnsRegistration, 8022.0 DnsRegistration,
  8023.0 DnsRegistration, 8024.0 DnsRegistration, 8025.0 DnsRegistration, 8026.0 DnsRegistration,
  8027.0 DnsRegistration, 8028.0 DnsRegistration, 8029.0 DnsRegistration, 8030.0 DnsRegistration,
  8031.0 DnsRegistration, 8032.0 DnsRegistration, 8033.0 DnsRegistration, 8034.0 DnsRegistration,
  8035.0 DnsRegistration, 8036.0 DnsRegistration, 8037.0 DnsRegistration, 8038.0 DnsRegistration:
  AdapterName:wstr HostName:wstr AdapterSuffixName:wstr DnsServerList:wstr SentUpdateServer:wstr
  Ipaddress:wstr ErrorCode:u32
60005.0 DnsNetWarning: WarningCode:u32 Location:u32 Context:u32
60006.0 DnsStateTransition: NextState:u8 Context:u32
60007.0 DnsContextUpdate: Context:u32 UpdateReasonCode:u32
60101.0 DnsV4Tuple: SourceAddress:u32 SourcePort:u32 DestinationAddress:u32 DestinationPort:u32
  Protocol:u32 ReferenceContext:u32
60103.0 DnsInterfaceInfo: IfGuid:guid IfIndex:u32 IfLuid:u64 ReferenceContext:u32
)";

const char kPacketCaptureEvents[] =
    R"(1001.0 task_0: MiniportIfIndex:u32 LowerIfIndex:u32 FragmentSize:u32 Fragment:bytes[FragmentSize]
1002.0 task_01002: MiniportIfIndex:u32 LowerIfIndex:u32 MetadataSize:u32
  Metadata:bytes[MetadataSize]
1003.0 task_01003: MiniportIfIndex:u32 LowerIfIndex:u32 SourcePortId:u32 SourcePortName:wstr
  SourceNicName:wstr SourceNicType:wstr DestinationCount:u32 Destination:f64[DestinationCount]
  FragmentSize:u32 Fragment:bytes[FragmentSize] OOBDataSize:u32 OOBData:bytes[OOBDataSize]
1011.0 Rules: RulesCount:u32
1012.0 task_01012, 1013.0 task_01013: FriendlyName:wstr UniqueName:wstr ServiceName:wstr
  Version:wstr
1014.0 task_01014, 1015.0 task_01015: MiniportIfIndex:u32 LowerIfIndex:u32 MediaType:u32
  ReferenceContext:u32
1016.0 Rules, 2003.0 Rules/LoadingState: RuleId:u8 Directive:u8 Length:u16 Value:bytes[Length]
2001.0 DriverLoad/LoadingState, 2002.0 LayerLoad/LoadingState: ErrorCode:u32 Location:u32
  Context:u32
3001.0 LayerLoad/LoadingState, 3002.0 LayerLoad/LoadingState: PreviousState:u8 NextState:u8
  Location:u32 Context:u32
5000.0 task_0Start, 5001.0 task_0Stop, 5002.0 task_0Start5002, 5003.0 task_0Stop5003:
5100.0 task_05100: SourceId:u8 RundownId:u32 Param1:u64 Param2:u64 ParamStr:wstr Description:wstr
5101.0 task_05101: SourceId:u8 SourceName:wstr IfIndex:u32 LayerCount:u16
  LayerInfo:i16[LayerCount]
)";

const char kRpcEvents[] =
    R"(1.1 RpcClientCall/Stop: ImageName:wstr ComputerName:wstr ProcessID:u32 TimeStamp:systemtime
  GeneratingComponent:u32 Status:x32 DetectionLocation:u16 Flags:u16 NumberOfParameters:u16
  Params:u64[NumberOfParameters]
2.1 RpcServerCall: ImangeName:wstr InterfaceUuid:guid FilterKey:guid
3.1 task_0_V1: ImageName:wstr DetectionLocation:u16 Status:u32 AdditionalData1:x32
  AdditionalData2:x32
4.1 Debug: Subject:u8 Verb:u8 SubjectPointer:u64 ObjectPointer:u64 DataPointer:u64
5.1 RpcClientCall/Start, 6.1 RpcServerCall/Start: InterfaceUuid:guid ProcNum:u32 Protocol:u32
  NetworkAddress:wstr Endpoint:wstr Options:wstr AuthenticationLevel:u32 AuthenticationService:u32
  ImpersonationLevel:u32
7.1 RpcClientCall/Stop, 8.1 RpcServerCall/Stop, 9.1 task_09_V1: Status:u32
10.1 Debug, 11.1 Debug: SubjectPointer:u64 FragmentSize:u32 Fragment:bytes[FragmentSize]
12.1 Debug/Start, 13.1 Debug/Stop: ObjectType:u32 Operation:u32 Address:u64 Data:u64
14.1 FunctionTrace/Start: InterfaceUuid:guid TypeMgrUuid:guid Flags:u32 MaxCalls:u32 SDSize:u32
  SD:bytes[SDSize]
15.1 FunctionTrace/Stop: InterfaceUuid:guid TypeMgrUuid:guid Flags:u32 MaxCalls:u32
16.1 FunctionTrace/Start: Protocol:wstr Endpoint:wstr NetworkAddress:wstr PendingQueueSize:u32
  EndpointFlags:u32 NicFlags:u32
)";

const char kWinsockEvents[] =
    R"(1.0 task_0: Process:ptr Endpoint:ptr AddressFamily:u32 SocketType:u32 Protocol:u32 UserModePid:ptr
2.0 task_02, 15.0 task_015: Process:ptr Endpoint:ptr Address:u32 Port:u16 Status:u32
4.0 task_04: Process:ptr Endpoint:ptr Address:u32 Port:u16
6.0 task_06, 9.0 task_09, 10.0 task_010, 11.0 task_011, 12.0 task_012, 13.0 task_013,
  14.0 task_014, 17.0 task_017, 31.0 task_031, 40.0 task_040: Process:ptr Endpoint:ptr Error:u32
7.0 task_07, 8.0 task_08: Process:ptr Endpoint:ptr Reason:i32
18.0 task_018, 19.0 task_019, 20.0 task_020: Process:ptr Endpoint:ptr FastPath:bool
  BufferCount:i32 Buffer:ptr BufferLength:u32
21.0 task_021: Process:ptr Endpoint:ptr FastPath:bool BufferCount:i32 Buffer:ptr BufferLength:u32
  Address:u32 Port:u16
23.0 task_023, 24.0 task_024, 25.0 task_025, 28.0 task_028: Process:ptr Endpoint:ptr Buffer:ptr
  BufferLength:u32
26.0 task_026: Process:ptr Endpoint:ptr BufferCount:i32 Buffer:ptr BufferLength:u32 Address:u32
  Port:u16
29.0 task_029: Process:ptr Endpoint:ptr Option:u32 Value:u32
30.0 task_030: Process:ptr HandleCount:i32 Timeout:i32
32.0 task_032: Process:ptr Endpoint:ptr EventMask:u32
33.0 task_033: Process:ptr Endpoint:ptr PacketSize:i32 Address:u32 Port:u16 Reason:i32
35.0 task_035: Process:ptr ListenEndpoint:ptr Address:u32 Port:u16
37.0 task_037: Process:ptr Endpoint:ptr BytesIndicated:i32
38.0 task_038: Process:ptr Endpoint:ptr Address:u32 Port:u16 BytesIndicated:i32
41.0 task_041: Process:ptr Endpoint:ptr
1000.0 AfdCreate/Open: EnterExit:u32 Location:u32 Process:ptr Endpoint:ptr AddressFamily:u32
  SocketType:u32 Protocol:u32 ProcessId:ptr Status:u32
1001.0 AfdClose/Closed, 1002.0 AfdCleanup/Freed, 1017.0 AfdConnect/Connected,
  1020.0 AfdConnectEx/Connected, 1023.0 AfdAccept/Connected, 1026.0 AfdAcceptEx/Connected,
  1029.0 AfdBind/Connected, 1036.0 AfdWaitForListen, 3000.0 AfdConnectIndication,
  3006.0 AfdDisconnect/Disconnected: EnterExit:u32 Location:u32 Process:ptr Endpoint:ptr
  Status:u32
1003.0 AfdSend/Connected, 1004.0 AfdReceive/Connected, 1005.0 AfdSendTo/Connected,
  1006.0 AfdReceiveFrom/Connected, 1011.0 AfdSendMessage/Connected,
  1012.0 AfdReceiveMessage/Connected: EnterExit:u32 Location:u32 Process:ptr Endpoint:ptr
  BufferCount:u32 Buffer:ptr BufferLength:u32 Status:u32
1007.0 AfdSendToWithAddress/Connected, 1009.0 AfdReceiveFromWithAddress/Connected,
  1013.0 AfdSendMessageWithAddress/Connected, 1015.0 AfdReceiveMessageWithAddress/Connected:
  EnterExit:u32 Location:u32 Process:ptr Endpoint:ptr BufferCount:u32 Buffer:ptr BufferLength:u32
  Status:u32 AddressLen:u32 Address:bytes[AddressLen]
1018.0 AfdConnectWithAddress/Connected, 1021.0 AfdConnectExWithAddress/Connected: EnterExit:u32
  Location:u32 Process:ptr Endpoint:ptr Buffer:ptr BufferLength:u32 Status:u32 AddressLen:u32
  Address:bytes[AddressLen]
1024.0 AfdAcceptWithAddress/Connected, 1027.0 AfdAcceptExWithAddress/Connected: EnterExit:u32
  Location:u32 Process:ptr Endpoint:ptr Buffer:ptr BufferLength:u32 Status:u32 AddressLen:u32
  Address:bytes[AddressLen] AcceptEndpoint:ptr CurrentBacklog:u32
1030.0 AfdBindWithAddress/Connected: EnterExit:u32 Location:u32 Process:ptr Endpoint:ptr
  Status:u32 AddressLen:u32 Address:bytes[AddressLen]
1032.0 AfdAbort/Aborted: EnterExit:u32 Location:u32 Process:ptr Endpoint:ptr Reason:u32
1033.0 AfdDatagramDropWithAddress/Connected: EnterExit:u32 Location:u32 Process:ptr Endpoint:ptr
  Buffer:ptr BufferLength:u32 AddressLen:u32 Address:bytes[AddressLen] Reason:u32
1035.0 AfdOption: EnterExit:u32 Location:u32 Process:ptr Endpoint:ptr Option:u32 Value:u32
  Status:u32
1037.0 AfdListen: EnterExit:u32 Location:u32 Process:ptr Endpoint:ptr Backlog:u32 Status:u32
3001.0 AfdConnectIndicationWithAddress: EnterExit:u32 Location:u32 Process:ptr Endpoint:ptr
  Status:u32 AddressLen:u32 Address:bytes[AddressLen] CurrentBacklog:u32
3003.0 AfdDataIndication: EnterExit:u32 Location:u32 Process:ptr Endpoint:ptr Buffer:ptr
  BufferLength:u32
3004.0 AfdDataIndicationWithAddress: EnterExit:u32 Location:u32 Process:ptr Endpoint:ptr
  Buffer:ptr BufferLength:u32 AddressLen:u32 Address:bytes[AddressLen]
3007.0 AfdSendBackLog: EnterExit:u32 Location:u32 Process:ptr Endpoint:ptr SendBacklog:u32
4000.0 AfdRioCreateRegistrationDomain/Open: RegistrationDomain:ptr Status:u32
4001.0 AfdRioCleanupRegistrationDomain/Closed: RegistrationDomain:ptr
4002.0 AfdRioCreateCq/Open: Cq:ptr RegistrationDomain:ptr EntryCount:u32 UserAddress:ptr
  SystemAddress:ptr BufferSize:u32 CqIndex:u32 NotificationType:u32 NotificationHandle:ptr
  NotificationObject:ptr NotificationContext1:ptr NotificationContext2:ptr Status:u32
4003.0 AfdRioDestroyCq/Closed: Cq:ptr Commit:u32
4004.0 AfdRioCleanupCq/Freed: Cq:ptr
4005.0 AfdRioResizeCq/Modified: Cq:ptr OriginalEntryCount:u32 OriginalStart:u32 OriginalEnd:u32
  Commit:u32 RequestedEntryCount:u32 UserAddress:ptr SystemAddress:ptr BufferSize:u32 Status:u32
4006.0 AfdRioCreateRqPair/Open: Endpoint:ptr RioState:ptr RegistrationDomain:ptr
  SendEntryCount:u32 SendUserAddress:ptr SendSystemAddress:ptr SendBufferSize:u32
  ReceiveEntryCount:u32 ReceiveUserAddress:ptr ReceiveSystemAddress:ptr ReceiveBufferSize:u32
  SendCqIndex:u32 ReceiveCqIndex:u32 Status:u32
4007.0 AfdRioCloseRioState/Closed: RioState:ptr ReceiveQueueStart:u32 ReceiveQueueEnd:u32
  SendQueueStart:u32 SendQueueEnd:u32
4008.0 AfdRioCleanupRioState/Freed: RioState:ptr
4009.0 AfdRioResizeRqPair/Modified: RioState:ptr OriginalSendEntryCount:u32
  OriginalSendQueueStart:u32 OriginalSendQueueEnd:u32 RequestedSendEntryCount:u32
  SendUserAddress:ptr SendSystemAddress:ptr SendBufferSize:u32 OriginalReceiveEntryCount:u32
  OriginalReceiveQueueStart:u32 OriginalReceiveQueueEnd:u32 RequestedReceiveEntryCount:u32
  ReceiveUserAddress:ptr ReceiveSystemAddress:ptr ReceiveBufferSize:u32 Status:u32
4010.0 AfdRioRegisterBuffer/Open: Buffer:ptr RegistrationDomain:ptr UserAddress:ptr
  SystemAddress:ptr BufferSize:u32 BufferId:u32 Status:u32
4011.0 AfdRioDeregisterBuffer/Closed: Buffer:ptr References:u32
4012.0 AfdRioCleanupBuffer/Freed: Buffer:ptr
4013.0 AfdRioValidateBufferId: RegistrationDomain:ptr RioState:ptr BufferId:u32
4014.0 AfdRioRangeCheck: RegistrationDomain:ptr RioState:ptr Buffer:ptr BufferOffset:u32
  BufferLength:u32
4015.0 AfdRioSendReceive: RioState:ptr BufferType:u32 SpecifiedLength:u32 RequiredLength:u32
4016.0 AfdNrtCreate/Open: NameResolutionHandle:ptr Process:ptr Status:u32
4017.0 AfdNrtClose/Closed: NameResolutionHandle:ptr Process:ptr
)";

const char kWmiEvents[] =
    R"(1.0 task_0: GroupOperationId:u32 OperationId:u32 Operation:wstr ClientMachine:wstr User:wstr
  ClientProcessId:u32 NamespaceName:wstr
2.0 task_02: GroupOperationId:u32 Operation:wstr ProviderName:wstr ProviderGuid:wstr Path:wstr
3.0 task_03: OperationId:u32
11.0 task_011: CorrelationId:wstr GroupOperationId:u32 OperationId:u32 Operation:wstr
  ClientMachine:wstr User:wstr ClientProcessId:u32 NamespaceName:wstr
12.0 task_012: GroupOperationId:u32 Operation:wstr HostId:u32 ProviderName:wstr ProviderGuid:wstr
  Path:wstr
13.0 task_013: OperationId:u32 ResultCode:x32
14.0 task_014: OperationId:u32 Operation:wstr Channel:u32 Message:wstr
15.0 task_015: OperationId:u32 Operation:wstr ErrorId:wstr ErrorCategory:u32 Message:wstr
  TargetName:wstr
16.0 task_016: OperationId:u32 Operation:wstr ErrorId:x32 Message:wstr
17.0 task_017: CorrelationId:wstr ProcessId:u32 Protocol:wstr Operation:wstr User:wstr
  Namespace:wstr
18.0 task_018, 21.0 task_021: ConsumerType:wstr PossibleCause:wstr
19.0 task_019: OperationID:u32 Operation:wstr
20.0 task_020: OperationID:u32 Operation:wstr Flags:u32
50.0 task_050:
100.0 task_0100: ComponentName:wstr MessageDetail:wstr FileName:wstr
101.0 task_0101: ComponentName:wstr ErrorId:x32 ErrorDetail:wstr FileName:wstr
5857.0 task_05857: ProviderName:wstr Code:x32 HostProcess:wstr ProcessID:u32 ProviderPath:wstr
5858.0 task_05858: Id:wstr ClientMachine:wstr User:wstr ClientProcessId:u32 Component:wstr
  Operation:wstr ResultCode:x32 PossibleCause:wstr
5859.0 task_05859: NamespaceName:wstr Query:wstr User:wstr processid:u32 providerName:wstr
  queryid:u32 PossibleCause:wstr
5860.0 task_05860: NamespaceName:wstr Query:wstr User:wstr processid:u32 MachineName:wstr
  PossibleCause:wstr
5861.0 task_05861: Namespace:wstr ESS:wstr CONSUMER:wstr PossibleCause:wstr
)";

}  // namespace etw::decode
