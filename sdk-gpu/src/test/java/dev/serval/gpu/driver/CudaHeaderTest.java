package dev.serval.gpu.driver;

import java.lang.foreign.StructLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** {@code cuda.h}; each function at the version that is called. */
class CudaHeaderTest extends HeaderContract {
  private static final Map<String, EntryPoint> FUNCTIONS =
      Arrays.stream(EntryPoint.values())
          .collect(Collectors.toMap(EntryPoint::symbol, each -> each));

  @Override
  protected List<String> includes() {
    return List.of("cuda.h", "cudaTypedefs.h");
  }

  @Override
  protected Map<String, List<Parameter>> functions() {
    return FUNCTIONS.values().stream()
        .collect(Collectors.toMap(EntryPoint::symbol, EntryPoint::parameters));
  }

  @Override
  protected String typeOf(String function) {
    return "PFN_%s_v%d".formatted(function, FUNCTIONS.get(function).version());
  }

  @Override
  protected List<StructLayout> structures() {
    return List.of(
        Structs.LAUNCH_CONFIG,
        Structs.LAUNCH_ATTRIBUTE,
        Structs.MEMORY_LOCATION,
        Structs.POOL_PROPERTIES,
        Structs.COPY_ATTRIBUTES,
        Structs.GRAPH_UPDATE_RESULT);
  }

  @Override
  protected Map<String, String> constants() {
    Map<String, String> all = new TreeMap<>();
    for (DeviceAttribute attribute : DeviceAttribute.values()) {
      all.put("CU_DEVICE_ATTRIBUTE_" + attribute, Integer.toString(attribute.number()));
    }
    for (FunctionAttribute attribute : FunctionAttribute.values()) {
      all.put("CU_FUNC_ATTRIBUTE_" + attribute, Integer.toString(attribute.number()));
    }
    all.putAll(HeaderProbe.constants(Constants.class));
    return all;
  }
}
