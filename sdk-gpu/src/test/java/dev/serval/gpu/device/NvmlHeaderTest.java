package dev.serval.gpu.device;

import dev.serval.gpu.driver.HeaderContract;
import dev.serval.gpu.driver.HeaderProbe;
import dev.serval.gpu.driver.Parameter;
import java.lang.foreign.StructLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** {@code nvml.h}. */
class NvmlHeaderTest extends HeaderContract {
  @Override
  protected List<String> includes() {
    return List.of("nvml.h");
  }

  @Override
  protected Map<String, List<Parameter>> functions() {
    return Arrays.stream(NvmlFunction.values())
        .collect(Collectors.toMap(NvmlFunction::symbol, NvmlFunction::parameters));
  }

  @Override
  protected List<StructLayout> structures() {
    return List.of(
        NvmlStructs.PCI,
        NvmlStructs.MEMORY,
        NvmlStructs.PROCESS,
        NvmlStructs.ATTRIBUTES,
        NvmlStructs.ADDRESSING,
        NvmlStructs.EVENT,
        NvmlStructs.FIELD);
  }

  @Override
  protected Map<String, String> constants() {
    return HeaderProbe.constants(NvmlConstants.class);
  }
}
