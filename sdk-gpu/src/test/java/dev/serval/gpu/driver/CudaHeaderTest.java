package dev.serval.gpu.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.StructLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** What is known of the driver here, beside what a C++ compiler makes of {@code cuda.h}. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CudaHeaderTest {
  private static final List<StructLayout> STRUCTS =
      List.of(
          Structs.LAUNCH_CONFIG,
          Structs.LAUNCH_ATTRIBUTE,
          Structs.MEMORY_LOCATION,
          Structs.POOL_PROPERTIES,
          Structs.COPY_ATTRIBUTES,
          Structs.GRAPH_UPDATE_RESULT);

  private Map<String, String> header = Map.of();

  @BeforeAll
  void compile(@TempDir Path folder) throws IOException, InterruptedException {
    HeaderProbe probe = new HeaderProbe(folder);
    Path include = HeaderProbe.cudaHeaders();
    assumeTrue(probe.canInclude(include, "cuda.h"), "no g++ that finds cuda.h in " + include);
    probe.include("cuda.h").include("cudaTypedefs.h");
    for (EntryPoint function : EntryPoint.values()) {
      probe.function(function.symbol(), typedef(function));
    }
    STRUCTS.forEach(probe::structure);
    constants().keySet().forEach(probe::constant);
    header = probe.run(include);
  }

  @Test
  void everyFunctionTakesWhatTheHeaderSaysAtItsVersion() {
    Map<String, String> expected = new TreeMap<>();
    for (EntryPoint function : EntryPoint.values()) {
      expected.put(function.symbol(), HeaderProbe.signature(function.parameters()));
    }

    assertThat(header).containsAllEntriesOf(expected);
  }

  @Test
  void everyStructureIsLaidOutAsInTheHeader() {
    for (StructLayout struct : STRUCTS) {
      assertThat(header).containsAllEntriesOf(HeaderProbe.layout(struct));
    }
  }

  @Test
  void everyConstantIsTheHeaders() {
    assertThat(header).containsAllEntriesOf(constants());
  }

  private static String typedef(EntryPoint function) {
    return "PFN_%s_v%d".formatted(function.symbol(), function.version());
  }

  private static Map<String, String> constants() {
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
