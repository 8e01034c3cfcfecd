import Identifiers
import Octets
import SCSI

// SECURITY PROTOCOL IN and OUT (SPC-4, 6.40 and 6.41): the drive says, under its signature, which medium is inside
// (docs/drive-attestation.md).
extension DriveController {
  /// SECURITY PROTOCOL OUT: takes a challenge, which replaces the initiator's one before.
  func securityProtocolOut(
    _ request: DriveCommand.SecurityProtocol, _ dataOut: RawSpan, _ nexus: Nexus
  ) throws(CommandFailure) {
    guard configuration.signer != nil else { throw .invalidField(1) }
    try requireAttestation(request)
    guard request.octets > 0 else { return }
    guard UInt64(dataOut.byteCount) >= UInt64(request.octets) else { throw .sense(SenseData(.dataPhaseError)) }
    do throws(OctetError) {
      nexus.challenge = try DriveAttestation.Challenge(parsing: dataOut.extracting(0..<Int(request.octets)))
    } catch {
      throw .sense(SenseData(error == .invalid ? .invalidFieldInParameterList : .parameterListLengthError))
    }
  }

  /// SECURITY PROTOCOL IN: the list of protocols, or the attestation, which uses the initiator's challenge up.
  func securityProtocolIn(
    _ request: DriveCommand.SecurityProtocol, _ dataIn: inout MutableRawSpan, _ nexus: Nexus
  ) throws(CommandFailure) -> Int {
    switch (request.securityProtocol, request.specific) {
    case (0x00, 0x0000): return try listSecurityProtocols(request.octets, &dataIn)
    case (0x00, 0x0001):
      // Certificate data (SPC-4, 7.7.1.4): none, since what vouches for the drive is card-verifiable and not X.509.
      return try answer(request.octets, &dataIn) { (buffer) throws(OctetError) in try buffer.append(UInt32(0)) }
    case (0x00, _): throw .invalidField(2)
    default:
      guard configuration.signer != nil else { throw .invalidField(1) }
      try requireAttestation(request)
      let attestation = try attest(nexus)
      return try answer(request.octets, &dataIn) { (buffer) throws(OctetError) in try attestation.append(to: buffer) }
    }
  }

  private func requireAttestation(_ request: DriveCommand.SecurityProtocol) throws(CommandFailure) {
    guard request.securityProtocol == DriveAttestation.securityProtocol else {
      throw .invalidField(1)
    }
    guard request.specific == DriveAttestation.function else {
      throw .invalidField(2)
    }
  }

  /// The protocols there are (SPC-4, 7.7.1.3).
  private func listSecurityProtocols(
    _ allocation: UInt32, _ dataIn: inout MutableRawSpan
  ) throws(CommandFailure) -> Int {
    let attests = configuration.signer != nil
    return try answer(allocation, &dataIn) { (buffer) throws(OctetError) in
      try buffer.append(repeating: 0, count: 6)
      try buffer.append(UInt16(attests ? 2 : 1))
      try buffer.append(UInt8(0x00))
      if attests { try buffer.append(DriveAttestation.securityProtocol) }
    }
  }

  private func attest(_ nexus: Nexus) throws(CommandFailure) -> DriveAttestation {
    let medium = try readyMedium()
    guard let signer = configuration.signer, let challenge = nexus.challenge else {
      throw .sense(SenseData(.commandSequenceError))
    }
    nexus.challenge = nil
    let mediumID = medium.factoryRecord.mediumID
    let attestation = DriveAttestation(
      challenge: challenge.octets, mediumID: mediumID, certificate: signer.certificate,
      signature: try sign(challenge.octets, mediumID, signer))
    guard let attestation else { throw .sense(SenseData(.internalTargetFailure)) }
    return attestation
  }

  private func sign(
    _ challenge: [UInt8], _ mediumID: [UInt8], _ signer: any DriveSigner
  ) throws(CommandFailure) -> [UInt8] {
    var signature = [UInt8](repeating: 0, count: DriveAttestation.signatureOctets)
    do throws(OctetError) {
      try response.becomeDriveAttestationInput(challenge: challenge.span.bytes, mediumID: mediumID.span.bytes)
    } catch {
      throw .sense(SenseData(.internalTargetFailure))
    }
    do throws(DriveSignerFailure) {
      try response.withBytes { (message) throws(DriveSignerFailure) in
        var span = signature.mutableSpan
        var octets = span.mutableBytes
        try signer.sign(message, into: &octets)
      }
    } catch {
      throw .sense(SenseData(.internalTargetFailure))
    }
    return signature
  }
}
