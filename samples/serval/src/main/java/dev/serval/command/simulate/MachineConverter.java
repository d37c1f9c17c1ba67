package dev.serval.command.simulate;

import dev.serval.simulator.MachineCosts;
import java.util.Arrays;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads what steps cost: a name, or five numbers. */
public final class MachineConverter implements ITypeConverter<MachineCosts> {
  private static final int COSTS = 5;

  @Override
  public MachineCosts convert(String text) {
    return switch (text) {
      case "small" -> MachineCosts.smallModelOnProcessor();
      case "large" -> MachineCosts.largeModelOnAccelerator();
      default -> numbers(text);
    };
  }

  private static MachineCosts numbers(String text) {
    try {
      double[] costs = Arrays.stream(text.split(",")).mapToDouble(Double::parseDouble).toArray();
      if (costs.length == COSTS) {
        return new MachineCosts(costs[0], costs[1], costs[2], costs[3], costs[4]);
      }
    } catch (IllegalArgumentException e) {
      // refused below, as too few or too many
    }
    throw new TypeConversionException(
        "'" + text + "' is no machine; write small, large, or five numbers of nanoseconds");
  }
}
