package dev.serval.api.device;

import java.util.List;

/** What the host application wishes to run a model on. */
public sealed interface DevicePreference {
  /**
   * Only this kind will do: a runtime that cannot have it is not assembled.
   *
   * @param kind the kind
   */
  record Require(DeviceKind kind) implements DevicePreference {}

  /**
   * The first of these kinds that is there.
   *
   * @param kinds the kinds, the most wanted first; not empty
   */
  record Prefer(List<DeviceKind> kinds) implements DevicePreference {
    /** Refuses an empty list. */
    public Prefer {
      kinds = List.copyOf(kinds);
      if (kinds.isEmpty()) {
        throw new IllegalArgumentException("a preference names at least one kind of device");
      }
    }
  }

  /**
   * Only this kind will do.
   *
   * @param kind the kind
   * @return the preference
   */
  static DevicePreference require(DeviceKind kind) {
    return new Require(kind);
  }

  /**
   * The first of these kinds that is there.
   *
   * @param kinds the kinds, the most wanted first
   * @return the preference
   */
  static DevicePreference prefer(DeviceKind... kinds) {
    return new Prefer(List.of(kinds));
  }
}
