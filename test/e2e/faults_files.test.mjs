// The fault points of artifacts, uploads and connections (lib/faults.mjs).
import { NAMES, isOfFiles, testFaults } from './lib/faults.mjs';

testFaults(NAMES.filter(isOfFiles));
