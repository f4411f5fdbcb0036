// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

interface IMedianOracle {
    function feed_index(string calldata name) external view returns (uint256);
    function period() external view returns (uint256);
    function round_at(uint256 feed, uint256 timestamp)
        external
        view
        returns (uint256 roundId, uint256 price, uint256 roundTimestamp);
    function submit(
        uint256 timestamp,
        uint256 signers,
        uint256[] calldata medians,
        uint256[] calldata rows,
        uint256[] calldata signatures
    ) external;
}

/// What reporters signed for one round, as a relayer hands it out.
struct Bundle {
    uint256 timestamp;
    uint256 signers;
    uint256[] medians;
    uint256[] rows;
    uint256[] signatures;
}

/// Settles at the feed's last answer at or before one stated time. Whoever is interested may bring that time's round along.
contract Settlement {
    /// Seconds: an answer older than this at `settleAt` is none to settle at.
    uint256 public constant MAX_AGE = 1 hours;

    IMedianOracle public immutable oracle;
    uint256 public immutable feed;
    /// A round's timestamp, fixed beforehand, so that nobody chooses among rounds.
    uint256 public immutable settleAt;
    /// In the feed's decimals; 0: not settled yet.
    uint256 public settledPrice;

    error OffTheGrid();
    error WrongTime(uint256 timestamp);
    error TooOld(uint256 timestamp);
    error AlreadySettled();

    constructor(IMedianOracle oracle_, string memory name, uint256 settleAt_) {
        if (settleAt_ % oracle_.period() != 0) revert OffTheGrid();
        oracle = oracle_;
        feed = oracle_.feed_index(name);
        settleAt = settleAt_;
    }

    /// Delivers the round of `settleAt` and settles on it, in one transaction. The oracle checks signatures and medians;
    /// somebody who was quicker with the same round changes nothing.
    function deliverAndSettle(Bundle calldata bundle) external {
        if (bundle.timestamp != settleAt) revert WrongTime(bundle.timestamp);
        oracle.submit(bundle.timestamp, bundle.signers, bundle.medians, bundle.rows, bundle.signatures);
        settle();
    }

    /// Settles once any round at or after `settleAt` is stored: from then on the answer is final.
    function settle() public {
        if (settledPrice != 0) revert AlreadySettled();
        (, uint256 price, uint256 timestamp) = oracle.round_at(feed, settleAt);
        if (settleAt - timestamp > MAX_AGE) revert TooOld(timestamp);
        settledPrice = price;
    }
}
