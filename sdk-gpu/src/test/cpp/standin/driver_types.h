// The part of the CUDA driver's C interface that the stand-in speaks, in our own declarations.
#pragma once

#include <cstddef>
#include <cstdint>

namespace standin {

enum Result : int {
  SUCCESS = 0,
  INVALID_VALUE = 1,
  OUT_OF_MEMORY = 2,
  NOT_INITIALIZED = 3,
  NO_DEVICE = 100,
  INVALID_DEVICE = 101,
  INVALID_IMAGE = 200,
  INVALID_CONTEXT = 201,
  NO_BINARY_FOR_GPU = 209,
  ECC_UNCORRECTABLE = 214,
  INVALID_PTX = 218,
  UNSUPPORTED_PTX_VERSION = 222,
  INVALID_HANDLE = 400,
  ILLEGAL_STATE = 401,
  NOT_FOUND = 500,
  NOT_READY = 600,
  ILLEGAL_ADDRESS = 700,
  LAUNCH_OUT_OF_RESOURCES = 701,
  PEER_ACCESS_ALREADY_ENABLED = 704,
  PEER_ACCESS_NOT_ENABLED = 705,
  PRIMARY_CONTEXT_ACTIVE = 708,
  CONTEXT_IS_DESTROYED = 709,
  HOST_MEMORY_ALREADY_REGISTERED = 712,
  HOST_MEMORY_NOT_REGISTERED = 713,
  LAUNCH_FAILED = 719,
  NOT_SUPPORTED = 801,
  STREAM_CAPTURE_UNSUPPORTED = 900,
  STREAM_CAPTURE_INVALIDATED = 901,
  STREAM_CAPTURE_MERGE = 902,
  STREAM_CAPTURE_UNMATCHED = 903,
  STREAM_CAPTURE_UNJOINED = 904,
  STREAM_CAPTURE_ISOLATION = 905,
  CAPTURED_EVENT = 907,
  STREAM_CAPTURE_WRONG_THREAD = 908,
  GRAPH_EXEC_UPDATE_FAILURE = 910,
  UNKNOWN = 999,
};

// Handles are numbers that are never given out twice, so that use after destruction is seen.
using Handle = uint64_t;
using DevicePointer = uint64_t;
using HostFunction = void (*)(void*);

struct Uuid {
  char bytes[16];
};

struct Location {
  int type; // 1 device, 2 host
  int id;
};

struct PoolProperties {
  int allocationType;
  int handleTypes;
  Location location;
  void* securityAttributes;
  size_t maxSize;
  unsigned short usage;
  unsigned char reserved[54];
};

struct AccessDescription {
  Location location;
  int flags;
};

struct CopyAttributes {
  int sourceAccessOrder; // 1 stream, 2 during the call, 3 any
  Location sourceHint;
  Location targetHint;
  unsigned int flags;
};

struct LaunchAttribute {
  int id;
  char padding[4];
  union {
    char bytes[64];
    int cooperative;
    int serializationAllowed;
    int priority;
    struct {
      unsigned int x, y, z;
    } cluster;
  } value;
};

struct LaunchConfiguration {
  unsigned int gridX, gridY, gridZ;
  unsigned int blockX, blockY, blockZ;
  unsigned int sharedBytes;
  Handle stream;
  LaunchAttribute* attributes;
  unsigned int attributeCount;
};

struct KernelNodeParameters {
  Handle function;
  unsigned int gridX, gridY, gridZ;
  unsigned int blockX, blockY, blockZ;
  unsigned int sharedBytes;
  void** parameters;
  void** extra;
  Handle kernel;  // from 12.0
  Handle context; // from 12.0
};

struct UpdateResult {
  int result;
  Handle errorNode;
  Handle errorFromNode;
};

} // namespace standin
