// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

interface IMedianOracle {
    function feed_index(string calldata name) external view returns (uint256);
    function latest(uint256 feed) external view returns (uint256 roundId, uint256 price, uint256 timestamp);
    function latest_round() external view returns (uint256 roundId, uint256 timestamp);
    function period() external view returns (uint256);
    function round_data(uint256 feed, uint256 roundId) external view returns (uint256 price, uint256 timestamp);
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

/// Settles at the price of one stated time. Whoever calls brings the signed round along, or names it if it is there.
contract Settlement {
    IMedianOracle public immutable oracle;
    uint256 public immutable feed;
    /// A round's timestamp: fixed beforehand, so that nobody chooses among rounds.
    uint256 public immutable settleAt;
    /// In the feed's decimals; 0: not settled yet.
    uint256 public settledPrice;

    error OffTheGrid();
    error WrongTime(uint256 timestamp);
    error AlreadySettled();

    constructor(IMedianOracle oracle_, string memory name, uint256 settleAt_) {
        if (settleAt_ % oracle_.period() != 0) revert OffTheGrid();
        oracle = oracle_;
        feed = oracle_.feed_index(name);
        settleAt = settleAt_;
    }

    /// Delivers the round and settles on it, in one transaction. The oracle checks signatures and medians; somebody who
    /// was quicker with the same round changes nothing.
    function settle(Bundle calldata bundle) external {
        oracle.submit(bundle.timestamp, bundle.signers, bundle.medians, bundle.rows, bundle.signatures);
        (, uint256 price, uint256 timestamp) = oracle.latest(feed);
        _settle(price, timestamp);
    }

    /// Settles on a round that was stored some time ago.
    function settleFromHistory(uint256 roundId) external {
        (uint256 price, uint256 timestamp) = oracle.round_data(feed, roundId);
        _settle(price, timestamp);
    }

    function _settle(uint256 price, uint256 timestamp) private {
        if (timestamp != settleAt) revert WrongTime(timestamp);
        if (settledPrice != 0) revert AlreadySettled();
        settledPrice = price;
    }
}
