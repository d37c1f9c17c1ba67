package dev.serval.gpu.device;

import dev.serval.gpu.driver.Header;
import dev.serval.gpu.driver.HeaderProbe;
import java.io.IOException;
import java.lang.foreign.StructLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** {@code nvml.h}. */
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

  @TestFactory
  List<DynamicTest> what_is_known_is_what_the_header_says(@TempDir Path folder)
      throws IOException, InterruptedException {
    return new Header(
            "nvml.h",
            Arrays.stream(NvmlFunction.values())
                .collect(Collectors.toMap(NvmlFunction::symbol, NvmlFunction::parameters)),
            STRUCTS,
            HeaderProbe.constants(NvmlConstants.class))
        .tests(folder);
  }
}
