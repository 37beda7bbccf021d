// Events of PowerShell: field names and layouts.
#include "decode/builtin_providers.h"

namespace etw::decode {

const char kPowerShellEvents[] =
    R"(4097.1 Connect/Tobeusedwhenoperationisjustexecutingamethod,
  4098.1 Connect/Tobeusedwhenoperationisjustexecutingamethod,
  4099.1 Connect/Tobeusedwhenoperationisjustexecutingamethod, 8195.1 Connect/Open(async),
  8196.1 Connect/Open(async), 12037.1 Connect/Tobeusedwhenoperationisjustexecutingamethod,
  12039.1 Connect/Open(async), 24579.1 PowerShellISEOperation, 24580.1 PowerShellISEOperation,
  24581.1 PowerShellISEOperation, 24582.1 PowerShellISEOperation, 24583.1 PowerShellISEOperation,
  24584.1 PowerShellISEOperation, 24592.1 PowerShellISEOperation, 24593.1 Event24593,
  24594.1 PowerShellISEOperation, 32869.1 Shuttingdown, 40961.1 PowerShellConsoleStartup/Start,
  40962.1 PowerShellConsoleStartup/Stop, 45059.1 Tobeusedwhenoperationisjustexecutingamethod,
  46356.1 Event46356, 46357.1 Event46357, 46358.1 Event46358:
4100.1 Tobeusedwhenanexceptionisraised, 4101.1 Tobeusedwhenanexceptionisraised,
  4102.1 Tobeusedwhenanexceptionisraised, 4103.1 Tobeusedwhenanexceptionisraised,
  7937.1 Tobeusedwhenoperationisjustexecutingamethod,
  7938.1 Tobeusedwhenoperationisjustexecutingamethod,
  7939.1 Tobeusedwhenoperationisjustexecutingamethod,
  7940.1 Tobeusedwhenoperationisjustexecutingamethod: ContextInfo:wstr UserData:wstr Payload:wstr
4104.1 StartingCommand/Oncreatecalls: MessageNumber:i32 MessageTotal:i32 ScriptBlockText:wstr
  ScriptBlockId:wstr Path:wstr
4105.1 StartingCommand/Open(async), 4106.1 StoppingCommand/Close(Async): ScriptBlockId:wstr
  RunspaceId:wstr
7941.1 Tobeusedwhenoperationisjustexecutingamethod: currentActivityId:guid parentActivityId:guid
7942.1 Tobeusedwhenoperationisjustexecutingamethod: ClassName:wstr MethodName:wstr
  WorkflowGuid:wstr Message:wstr JobData:wstr ActivityName:wstr ActivityGuid:wstr Parameters:wstr
8193.1 Connect/tobeusedwhenanobjectisconstructed, 8197.1 Connect/Open(async),
  12033.1 Connect/Tobeusedwhenoperationisjustexecutingamethod,
  12034.1 Connect/Tobeusedwhenoperationisjustexecutingamethod,
  12035.1 Connect/Tobeusedwhenoperationisjustexecutingamethod,
  12036.1 Connect/Tobeusedwhenoperationisjustexecutingamethod, 32785.1 connect, 32786.1 connect,
  32787.1 Disconnect, 32788.1 Disconnect, 45061.1 Event45061: param1:wstr
8194.1 Connect/tobeusedwhenanobjectisconstructed: InstanceId:wstr MaxRunspaces:wstr
  MinRunspaces:wstr
8198.1 Connect/Open(async), 32775.1 Open(async), 32777.1 Open(async), 32850.1 connect,
  32854.1 Disconnect, 32855.1 Open(async), 32856.1 Open(async), 32857.1 Disconnect,
  45058.1 Tobeusedwhenanexceptionisraised,
  53506.1 PowerShellNamedPipeIPC/Tobeusedwhenanexceptionisraised,
  53507.1 PowerShellNamedPipeIPC/connect, 53508.1 PowerShellNamedPipeIPC/Close(Async): param1:wstr
  param2:wstr param3:wstr
12038.1 Connect/Tobeusedwhenoperationisjustexecutingamethod,
  45062.1 Tobeusedwhenoperationisjustexecutingamethod: uri:wstr shell:wstr userName:wstr
  opentimeout:wstr idletimeout:wstr canceltimeout:wstr auth:u32 thumbPrint:wstr redircount:wstr
  recvdDataSize:wstr recvdObjSize:wstr
24577.1 PowerShellISEOperation, 24578.1 PowerShellISEOperation: FileName:wstr
24595.1 PowerShellISEOperation, 24596.1 PowerShellISEOperation, 24597.1 PowerShellISEOperation,
  24598.1 PowerShellISEOperation, 24599.1 PowerShellISEOperation: CurrentLine:i32 FileName:wstr
28673.1 Serializeordeserializeremotingpayload/Rehydration: DeserializedType:wstr CastedToType:wstr
  RehydratedType:wstr
28674.1 Serializeordeserializeremotingpayload/Rehydration: DeserializedType:wstr CastedToType:wstr
  TypeCastException:wstr TypeCastInnerException:wstr
28675.1 Serializeordeserializeremotingpayload/Serializationsettings: SerializedType:wstr
  OriginalDepth:i32 OverridenDepth:i32 CurrentDepthBelowTopLevel:i32
28676.1 Serializeordeserializeremotingpayload/Serializationsettings: SerializedType:wstr
  OverridenMode:u32
28677.1 Serializeordeserializeremotingpayload/Tobeusedwhenanexceptionisraised: PropertyName:wstr
  PropertyOwnerType:wstr GetterScript:wstr
28678.1 Serializeordeserializeremotingpayload/Tobeusedwhenanexceptionisraised: PropertyName:wstr
  PropertyOwnerType:wstr Exception:wstr InnerException:wstr
28679.1 Serializeordeserializeremotingpayload/Tobeusedwhenanexceptionisraised:
  TypeBeingEnumerated:wstr Exception:wstr
28680.1 Serializeordeserializeremotingpayload/Tobeusedwhenanexceptionisraised: Type:wstr
  Exception:wstr
28682.1 Serializeordeserializeremotingpayload/Tobeusedwhenanexceptionisraised:
  TypeOfObjectAtMaxDepth:wstr PropertyNameAtMaxDepth:wstr Depth:i32
28683.1 Serializeordeserializeremotingpayload/Tobeusedwhenanexceptionisraised: LineNumber:i32
  LinePosition:i32 Exception:wstr
28684.1 Serializeordeserializeremotingpayload/Tobeusedwhenanexceptionisraised:
  TypeOfObjectWithMissingProperty:wstr PropertyName:wstr
32769.1 Receive(Async): Runspace_InstanceId:wstr PowerShell_InstanceId:wstr Destination:u32
  DataType:u32 TargetInterface:u32
32776.1 Open(async), 32784.1 Open(async): SessionId:wstr PipelineId:wstr ErrorCode:wstr
  ErrorMessage:wstr StackTrace:wstr
32789.1 Send(Async), 32792.1 Receive(Async): SessionId:wstr PipelineId:wstr DataSize:wstr
32790.1 Send(Async), 32791.1 Receive(Async), 32793.1 connect, 32800.1 connect, 32801.1 Disconnect,
  32802.1 Disconnect, 32804.1 Disconnect: SessionId:wstr PipelineId:wstr
32803.1 Disconnect: SessionId:wstr PipelineId:wstr SignalCode:wstr
32805.1 connect: SessionId:wstr Uri:wstr
32849.1 Send(Async): Runspace_InstanceId:wstr PowerShell_InstanceId:wstr DataSize:wstr
  DataType:u32 TargetInterface:u32
32851.1 connect, 32853.1 connect, 32865.1 connect, 32866.1 connect, 49153.1 Event49153,
  53504.1 PowerShellNamedPipeIPC/Open(async), 53505.1 PowerShellNamedPipeIPC/Close(Async):
  param1:wstr param2:wstr
32852.1 connect: param1:wstr param2:wstr param3:wstr param4:wstr
32867.1 Receive(Async), 32868.1 Send(Async): ObjectId:i64 FragmentId:i64 sFlag:i32 eFlag:i32
  FragmentLength:u32 FragmentPayload:wstr
45057.1 Tobeusedwhenanexceptionisraised: Message:wstr Category:wstr Reason:wstr TargetName:wstr
  FullyQualifiedErrorId:wstr ExceptionMessage:wstr ExceptionStackTrace:wstr
  ExceptionInnerException:wstr
45060.1 Tobeusedwhenoperationisjustexecutingamethod: Id:wstr InstanceId:wstr Name:wstr
  Location:wstr State:wstr Command:wstr
45063.1 WorkflowHosting/Tobeusedwhenoperationisjustexecutingamethod: endpointName:wstr user:wstr
  hostingMode:wstr protocol:wstr configuration:wstr
45064.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: workflowId:guid
  managedNodes:wstr
45065.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: workflowId:guid
  newState:wstr oldState:wstr
45072.1 WorkflowHosting/Tobeusedwhenoperationisjustexecutingamethod,
  45073.1 WorkflowHosting/Tobeusedwhenoperationisjustexecutingamethod,
  45128.1 WorkflowHosting/Tobeusedwhenoperationisjustexecutingamethod: endpointName:wstr
45074.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod,
  45076.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod,
  45084.1 WorkflowValidation/Tobeusedwhenoperationisjustexecutingamethod,
  45085.1 WorkflowValidation/Tobeusedwhenoperationisjustexecutingamethod,
  45086.1 WorkflowValidation/Tobeusedwhenoperationisjustexecutingamethod,
  45092.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod,
  45093.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod,
  45094.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod,
  45095.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod,
  45096.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod,
  45109.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod,
  45110.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod,
  45111.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod,
  45113.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod,
  45114.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod,
  45115.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod,
  45118.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: workflowId:guid
45075.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: endpointName:wstr
  configName:wstr allowedValue:wstr valueInQuestion:wstr
45078.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: workflowId:guid
  managedNode:wstr
45079.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: workflowId:guid
  activityName:wstr
45080.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: activityName:wstr
  activityTypeName:wstr
45081.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod,
  45082.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: workflowId:guid
  xamlFile:wstr
45083.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod,
  45116.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod,
  45120.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: workflowId:guid
  errorDescription:wstr
45087.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod,
  45088.1 WorkflowValidation/Tobeusedwhenoperationisjustexecutingamethod: workflowId:guid
  activityDisplayName:wstr activityType:wstr
45089.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: workflowId:guid
  activityName:wstr failureDescription:wstr
45090.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: runspaceId:wstr
  availability:wstr
45091.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: runspaceId:wstr
  newState:wstr oldState:wstr
45097.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod,
  45098.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: workflowId:guid path:wstr
45100.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod,
  45105.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: jobId:guid
45101.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: jobId:i32 workflowId:guid
  newState:wstr oldState:wstr
45102.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: jobId:i32 workflowId:guid
  errorDescription:wstr
45104.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: parentJobId:guid
  childJobId:guid childWorkflowId:guid
45106.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: jobId:guid workflowId:guid
45107.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: parentJobId:guid
  childJobId:guid workflowId:guid
45108.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: parentJobId:guid
  childJobId:guid workflowId:guid error:wstr
45112.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: workflowId:guid reason:wstr
45117.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: workflowId:guid
  persistPath:wstr
45119.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: activityName:wstr
45121.1 Configuration/Tobeusedwhenoperationisjustexecutingamethod: endpointName:wstr
  endpointType:wstr registeredBy:wstr
45122.1 Configuration/Tobeusedwhenoperationisjustexecutingamethod: endpointName:wstr
  modifiedBy:wstr
45123.1 Configuration/Tobeusedwhenoperationisjustexecutingamethod: endpointName:wstr
  unregisteredBy:wstr
45124.1 Configuration/Tobeusedwhenoperationisjustexecutingamethod: endpointName:wstr
  disabledBy:wstr
45125.1 Configuration/Tobeusedwhenoperationisjustexecutingamethod: endpointName:wstr
  enabledBy:wstr
45126.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: command:wstr
45127.1 WorkflowExecution/Tobeusedwhenoperationisjustexecutingamethod: parameters:wstr
  computers:wstr
45129.1 Event45129: checkpointPath:wstr configProviderId:wstr userName:wstr path:wstr
46337.1 Event46337, 46338.1 Event46338, 46339.1 Event46339, 46340.1 Event46340: TrackingId:guid
46341.1 Event46341: TrackingId:guid ContainerParentJobInstanceId:guid
46342.1 Event46342, 46343.1 Event46343, 46344.1 Event46344, 46345.1 Event46345:
  WorkflowJobJobInstanceId:guid
46346.1 Event46346: WorkflowJobInstanceId:guid ContainerParentJobInstanceId:guid
46347.1 Event46347: ProxyJobInstanceId:guid ContainerParentJobInstanceId:guid
46348.1 Event46348, 46349.1 Event46349: ContainerParentJobInstanceId:guid
46350.1 Event46350, 46351.1 Event46351, 46352.1 Event46352, 46353.1 Event46353:
  ProxyJobInstanceId:guid
46354.1 Event46354, 46355.1 Event46355: ProxyChildJobInstanceId:guid
49152.1 Event49152: message:wstr
53249.1 PowerShellScheduledJobs/Tobeusedwhenoperationisjustexecutingamethod:
  ScheduledJobDefName:wstr StartTime:wstr
53250.1 PowerShellScheduledJobs/Tobeusedwhenoperationisjustexecutingamethod:
  ScheduledJobDefName:wstr StopTime:wstr State:wstr
53251.1 PowerShellScheduledJobs/Tobeusedwhenanexceptionisraised: Name:wstr Message:wstr
  StackTrace:wstr InnerException:wstr
)";

}  // namespace etw::decode
