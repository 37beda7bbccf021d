#include "etw/error_code.h"

#include <cerrno>

namespace etw {

const char* code_text(Code code) noexcept {
    switch (code) {
        case Code::kOk:
            return "The operation completed successfully.";
        case Code::kInvalidFunction:
            return "Incorrect function.";
        case Code::kFileNotFound:
            return "The system cannot find the file specified.";
        case Code::kPathNotFound:
            return "The system cannot find the path specified.";
        case Code::kAccessDenied:
            return "Access is denied.";
        case Code::kNotEnoughMemory:
            return "Not enough memory resources are available to process this command.";
        case Code::kInvalidData:
            return "The data is invalid.";
        case Code::kBadLength:
            return "The program issued a command but the command length is incorrect.";
        case Code::kWriteFault:
            return "The system cannot write to the specified device.";
        case Code::kSharingViolation:
            return "The process cannot access the file because it is being used by another "
                   "process.";
        case Code::kNotSupported:
            return "The request is not supported.";
        case Code::kInvalidParameter:
            return "The parameter is incorrect.";
        case Code::kDiskFull:
            return "There is not enough space on the disk.";
        case Code::kInsufficientBuffer:
            return "The data area passed to a system call is too small.";
        case Code::kInvalidName:
            return "The filename, directory name, or volume label syntax is incorrect.";
        case Code::kBadPathname:
            return "The specified path is invalid.";
        case Code::kBusy:
            return "The requested resource is in use.";
        case Code::kAlreadyExists:
            return "Cannot create a file when that file already exists.";
        case Code::kMoreData:
            return "More data is available.";
        case Code::kNoMoreItems:
            return "No more data is available.";
        case Code::kCancelled:
            return "The operation was canceled by the user.";
        case Code::kNoSystemResources:
            return "Insufficient system resources exist to complete the requested service.";
        case Code::kTimeout:
            return "This operation returned because the timeout period expired.";
        case Code::kActiveConnections:
            return "Active connections still exist.";
        case Code::kGuidNotFound:
            return "The GUID passed was not recognized as valid by a WMI data provider.";
        case Code::kSessionNotFound:
            return "The instance name passed was not recognized as valid by a WMI data provider.";
        case Code::kRevisionMismatch:
            return "Indicates two revision levels are incompatible.";
        case Code::kServiceNotAvailable:
            return "The service has not been started.";
    }
    return "Unknown error.";
}

Code code_from_errno(int error) noexcept {
    switch (error) {
        case 0:
            return Code::kOk;
        case ENOENT:
            return Code::kFileNotFound;
        case ENOTDIR:
            return Code::kPathNotFound;
        case EACCES:
        case EPERM:
        case EROFS:
            return Code::kAccessDenied;
        case ENOMEM:
            return Code::kNotEnoughMemory;
        case ENOSPC:
#ifdef EDQUOT
        case EDQUOT:
#endif
        case EFBIG:
            return Code::kDiskFull;
        case EINVAL:
            return Code::kInvalidParameter;
        case ENAMETOOLONG:
        case ELOOP:
            return Code::kInvalidName;
        case EISDIR:
            return Code::kBadPathname;
        case EBUSY:
            return Code::kBusy;
        case EEXIST:
            return Code::kAlreadyExists;
        case EMFILE:
        case ENFILE:
            return Code::kNoSystemResources;
        case ETIMEDOUT:
            return Code::kTimeout;
        case EIO:
            return Code::kWriteFault;
        case ENOSYS:
        case EOPNOTSUPP:
            return Code::kNotSupported;
        default:
            return Code::kInvalidFunction;
    }
}

}  // namespace etw
