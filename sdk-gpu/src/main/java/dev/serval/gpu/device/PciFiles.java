package dev.serval.gpu.device;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;

/**
 * What Linux tells of PCI devices in {@code sys}, below a root that is {@code /} but in tests. What
 * cannot be read is not there.
 *
 * @param root where {@code sys} is
 */
record PciFiles(Path root) {
  private static final Pattern ROOT_COMPLEX = Pattern.compile("pci[0-9a-f]{4}:[0-9a-f]{2}");
  private static final Pattern SPEED = Pattern.compile("(\\d+(?:\\.\\d+)?) GT/s.*");

  /** What a lane does in GT/s, by generation. */
  private static final double[] LANE_SPEEDS = {2.5, 5, 8, 16, 32, 64};

  /** The memory node that the device is attached to. */
  OptionalInt numaNode(String address) {
    OptionalInt node = number(address, "numa_node");
    return node.orElse(-1) < 0 ? OptionalInt.empty() : node;
  }

  /** The root complex that the device is below, such as {@code pci0000:00}. */
  Optional<String> rootComplex(String address) {
    try {
      Path real = device(address).toRealPath();
      return StreamSupport.stream(real.spliterator(), false)
          .map(Path::toString)
          .filter(name -> ROOT_COMPLEX.matcher(name).matches())
          .findFirst();
    } catch (IOException | SecurityException e) {
      return Optional.empty();
    }
  }

  /** The generation of the fastest link that the device is capable of. */
  OptionalInt linkGeneration(String address) {
    return text(address, "max_link_speed").map(PciFiles::generation).orElse(OptionalInt.empty());
  }

  /** The most lanes that the device is capable of. */
  OptionalInt linkWidth(String address) {
    return number(address, "max_link_width");
  }

  /** The version of the kernel's part of the driver. */
  Optional<String> driverVersion() {
    return read(root.resolve("sys/module/nvidia/version"));
  }

  private static OptionalInt generation(String speed) {
    Matcher matcher = SPEED.matcher(speed);
    if (!matcher.matches()) {
      return OptionalInt.empty();
    }
    double transfers = Double.parseDouble(matcher.group(1));
    return IntStream.rangeClosed(1, LANE_SPEEDS.length)
        .filter(generation -> LANE_SPEEDS[generation - 1] == transfers)
        .findFirst();
  }

  private OptionalInt number(String address, String file) {
    try {
      return text(address, file)
          .map(text -> OptionalInt.of(Integer.parseInt(text)))
          .orElse(OptionalInt.empty());
    } catch (NumberFormatException e) {
      return OptionalInt.empty();
    }
  }

  private Optional<String> text(String address, String file) {
    return read(device(address).resolve(file));
  }

  private static Optional<String> read(Path file) {
    try {
      String text = Files.readString(file, StandardCharsets.ISO_8859_1).strip();
      return text.isEmpty() ? Optional.empty() : Optional.of(text);
    } catch (IOException | SecurityException e) {
      return Optional.empty();
    }
  }

  private Path device(String address) {
    return root.resolve("sys/bus/pci/devices").resolve(address);
  }
}
