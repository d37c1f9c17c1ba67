package dev.serval.api.device;

import dev.serval.api.Bytes;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * A device as it was found, before anything runs on it.
 *
 * @param id unique on the machine and stable over restarts, such as {@code cpu:0}
 * @param kind what kind of device it is
 * @param name its maker's name for it
 * @param memory the memory that models on it can use
 * @param attributes what else is known: {@code cores}, {@code features}, {@code numa.nodes} … as
 *     text
 */
public record Device(
    String id, DeviceKind kind, String name, Bytes memory, SortedMap<String, String> attributes) {
  /** Copies the attributes. */
  public Device {
    attributes = java.util.Collections.unmodifiableSortedMap(new TreeMap<>(attributes));
  }
}
