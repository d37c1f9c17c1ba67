package dev.serval.command.simulate;

import dev.serval.api.ServiceLevel;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * Reads what a class is promised, such as {@code interactive:2:500ms:50ms} or {@code batch:5:-:-}.
 */
public final class LevelConverter implements ITypeConverter<ServiceLevel> {
  private static final int PARTS = 4;

  @Override
  public ServiceLevel convert(String text) {
    String[] parts = text.split(":", -1);
    if (parts.length != PARTS) {
      throw new TypeConversionException(
          "'"
              + text
              + "' is no level; write name:rank:ttft:tpot, such as interactive:2:500ms:50ms");
    }
    try {
      return new ServiceLevel(
          parts[0], Integer.parseInt(parts[1]), target(parts[2]), target(parts[3]));
    } catch (NumberFormatException e) {
      throw new TypeConversionException(
          "'" + parts[1] + "' is no rank; write a number from 0 to 7");
    } catch (IllegalArgumentException e) {
      throw new TypeConversionException(String.valueOf(e.getMessage()));
    }
  }

  private static @Nullable Duration target(String text) {
    return text.equals("-") ? null : DurationConverter.duration(text);
  }
}
