package dev.serval.command;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads a rate: a number above 0, or {@code inf}. */
final class RateConverter implements ITypeConverter<Double> {
  @Override
  public Double convert(String text) {
    double rate = text.equals("inf") ? Double.POSITIVE_INFINITY : number(text);
    if (!(rate > 0)) {
      throw refusal(text);
    }
    return rate;
  }

  private static double number(String text) {
    try {
      return Double.parseDouble(text);
    } catch (NumberFormatException e) {
      throw refusal(text);
    }
  }

  private static TypeConversionException refusal(String text) {
    return new TypeConversionException("'" + text + "' is no rate; write a number above 0, or inf");
  }
}
