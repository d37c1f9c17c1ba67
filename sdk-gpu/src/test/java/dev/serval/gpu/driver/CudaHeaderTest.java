package dev.serval.gpu.driver;

import java.io.IOException;
import java.lang.foreign.StructLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** {@code cuda.h}; each function at the version that is called. */
class CudaHeaderTest {
  private static final Map<String, EntryPoint> FUNCTIONS =
      Arrays.stream(EntryPoint.values())
          .collect(Collectors.toMap(EntryPoint::symbol, each -> each));
  private static final List<StructLayout> STRUCTS =
      List.of(
          Structs.LAUNCH_CONFIG,
          Structs.LAUNCH_ATTRIBUTE,
          Structs.MEMORY_LOCATION,
          Structs.POOL_PROPERTIES,
          Structs.COPY_ATTRIBUTES,
          Structs.GRAPH_UPDATE_RESULT);

  @TestFactory
  List<DynamicTest> what_is_known_is_what_the_header_says(@TempDir Path folder)
      throws IOException, InterruptedException {
    return new Header(
            List.of("cuda.h", "cudaTypedefs.h"),
            FUNCTIONS.values().stream()
                .collect(Collectors.toMap(EntryPoint::symbol, EntryPoint::parameters)),
            name -> "PFN_%s_v%d".formatted(name, FUNCTIONS.get(name).version()),
            STRUCTS,
            constants())
        .tests(folder);
  }

  private static Map<String, String> constants() {
    Map<String, String> all = new TreeMap<>();
    for (DeviceAttribute attribute : DeviceAttribute.values()) {
      all.put("CU_DEVICE_ATTRIBUTE_" + attribute, Integer.toString(attribute.number()));
    }
    all.putAll(HeaderProbe.constants(Constants.class));
    return all;
  }
}
