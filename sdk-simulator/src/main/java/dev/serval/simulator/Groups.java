package dev.serval.simulator;

import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;

/** The meters of all requests, of each class and of each tenant. */
final class Groups {
  private final GroupMeter all = new GroupMeter();
  private final SortedMap<String, GroupMeter> classes = new TreeMap<>();
  private final SortedMap<String, GroupMeter> tenants = new TreeMap<>();

  /** Tells the meters that a request belongs to. */
  void tell(TracedRequest request, Consumer<GroupMeter> event) {
    event.accept(all);
    if (!request.serviceClass().isEmpty()) {
      event.accept(classes.computeIfAbsent(request.serviceClass(), name -> new GroupMeter()));
    }
    if (!request.tenant().isEmpty()) {
      event.accept(tenants.computeIfAbsent(request.tenant(), name -> new GroupMeter()));
    }
  }

  RequestGroup all() {
    return all.group();
  }

  SortedMap<String, RequestGroup> classes() {
    return groups(classes);
  }

  SortedMap<String, RequestGroup> tenants() {
    return groups(tenants);
  }

  private static SortedMap<String, RequestGroup> groups(SortedMap<String, GroupMeter> meters) {
    SortedMap<String, RequestGroup> groups = new TreeMap<>();
    meters.forEach((name, meter) -> groups.put(name, meter.group()));
    return groups;
  }
}
