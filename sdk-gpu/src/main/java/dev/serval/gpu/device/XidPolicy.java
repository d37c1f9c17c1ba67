package dev.serval.gpu.device;

import static dev.serval.gpu.device.XidResponse.APPLICATION_ERROR;
import static dev.serval.gpu.device.XidResponse.IGNORE;
import static dev.serval.gpu.device.XidResponse.RECOVERABLE;
import static dev.serval.gpu.device.XidResponse.UNHEALTHY_UNTIL_RESET;

import java.util.HashMap;
import java.util.Map;

/**
 * What is done about each Xid. Immutable.
 *
 * <p>The stock policy follows the immediate action that NVIDIA's catalogue of Xids gives for Ampere
 * and younger devices (<a href="https://docs.nvidia.com/deploy/xid-errors/">docs.nvidia.com</a>):
 * where it says to restart the program, it is the program's error; where it says to reset the
 * device or to restart the machine, the device is unhealthy until that was done; what it says to
 * ignore is ignored. What it has no immediate action for, and what is not in the list, is
 * recoverable: a device that goes on working is used again, and one that does not fails in another
 * way soon enough.
 */
public final class XidPolicy {
  private static final int[] IGNORED = {
    45, // cleanup after an error that was reported itself
    63, // a row of memory will be replaced at the next reset
    92, // many single-bit errors, all corrected
    93, // the device's own store was written often
    121, // a link to the processor was corrected
    154, // another action is advised: asked for when it is needed
  };

  private static final int[] APPLICATION_ERRORS = {
    8, // a channel timed out
    11, // a corrupt command
    13, // an exception in a kernel
    31, // an access to memory that is not mapped
    32, // a corrupt push buffer
    37, // a driver's error in a program
    39, 40, 41, 42, // copy engines
    43, // a program's channel was reset
    44, // a fault at a context switch
    68, // video decoder
    69, // a class error in a kernel
    94, // a memory error that hit one program alone
    137, // an NVLink access without permission
  };

  private static final int[] UNTIL_RESET = {
    46, // stopped processing
    48, // a memory error that could not be corrected
    61, 62, // the device's controller stopped
    64, // a row of memory could not be replaced
    74, // NVLink failed
    79, // fell off the bus
    95, // a memory error that may have hit every program
    110, // a security fault
    119, 120, // the device's firmware does not answer
    136, // link training failed
    140, // a memory error outside of what is protected
    143, // the device could not be initialised
    144, 145, 146, 147, 148, 149, 150, // NVLink, by unit
    155, 156, 158, // NVLink's and the firmware's later numbers
  };

  private static final XidPolicy STOCK =
      new XidPolicy(Map.of())
          .with(IGNORE, IGNORED)
          .with(APPLICATION_ERROR, APPLICATION_ERRORS)
          .with(UNHEALTHY_UNTIL_RESET, UNTIL_RESET);

  private final Map<Integer, XidResponse> responses;

  private XidPolicy(Map<Integer, XidResponse> responses) {
    this.responses = Map.copyOf(responses);
  }

  /**
   * The stock policy.
   *
   * @return as described above
   */
  public static XidPolicy stock() {
    return STOCK;
  }

  /**
   * This policy but for some Xids.
   *
   * @param response what is done about them
   * @param xids which
   * @return a new policy
   */
  public XidPolicy with(XidResponse response, int... xids) {
    Map<Integer, XidResponse> changed = new HashMap<>(responses);
    for (int xid : xids) {
      changed.put(xid, response);
    }
    return new XidPolicy(changed);
  }

  /**
   * What is done about an Xid.
   *
   * @param xid the driver's number
   * @return the response
   */
  public XidResponse response(int xid) {
    return responses.getOrDefault(xid, RECOVERABLE);
  }
}
