export { type Member, packsOf, type Slot, slotsOf } from "../passes/training/slots.js";
