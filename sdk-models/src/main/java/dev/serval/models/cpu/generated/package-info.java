/**
 * Machine code that is generated for the processor at hand. {@link
 * dev.serval.models.cpu.generated.Tile} says how matrices are multiplied; a tile is written down as
 * {@link dev.serval.models.cpu.generated.Instruction}s, which an {@link
 * dev.serval.models.cpu.generated.Assembler} encodes and {@link
 * dev.serval.models.cpu.generated.MachineCode} puts into memory.
 */
package dev.serval.models.cpu.generated;
