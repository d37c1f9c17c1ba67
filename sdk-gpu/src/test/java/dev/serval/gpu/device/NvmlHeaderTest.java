package dev.serval.gpu.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.serval.gpu.driver.HeaderProbe;
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

/** What is known of NVML here, beside what a C++ compiler makes of {@code nvml.h}. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class NvmlHeaderTest {
  private static final List<StructLayout> STRUCTS =
      List.of(
          NvmlStructs.PCI,
          NvmlStructs.MEMORY,
          NvmlStructs.PROCESS,
          NvmlStructs.ATTRIBUTES,
          NvmlStructs.ADDRESSING,
          NvmlStructs.EVENT,
          NvmlStructs.FIELD);

  private Map<String, String> header = Map.of();

  @BeforeAll
  void compile(@TempDir Path folder) throws IOException, InterruptedException {
    HeaderProbe probe = new HeaderProbe(folder);
    Path include = HeaderProbe.cudaHeaders();
    assumeTrue(probe.canInclude(include, "nvml.h"), "no g++ that finds nvml.h in " + include);
    probe.include("nvml.h");
    for (NvmlFunction function : NvmlFunction.values()) {
      probe.function(function.symbol(), "decltype(&%s)".formatted(function.symbol()));
    }
    STRUCTS.forEach(probe::structure);
    HeaderProbe.constants(NvmlConstants.class).keySet().forEach(probe::constant);
    header = probe.run(include);
  }

  @Test
  void everyFunctionTakesWhatTheHeaderSays() {
    Map<String, String> expected = new TreeMap<>();
    for (NvmlFunction function : NvmlFunction.values()) {
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
    assertThat(header).containsAllEntriesOf(HeaderProbe.constants(NvmlConstants.class));
  }
}
