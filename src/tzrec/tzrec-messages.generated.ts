// Made by scripts/make-tzrec-schema.mjs from the protos of alibaba/TorchEasyRec at 54cac3165a2adece9a932616463a5b6a2095b0ce.

/** Fields by name, those of a oneof under its name: `uint32`, `repeated MLP`, `map string float`, `float = 0.9`. */
export const MESSAGES: Readonly<Record<string, Readonly<Record<string, string | Readonly<Record<string, string>>>>>> =
{
  "EasyRecConfig": {
    "train_input_path": "string",
    "eval_input_path": "string",
    "model_dir": "string",
    "train_config": "TrainConfig",
    "eval_config": "EvalConfig",
    "export_config": "ExportConfig",
    "data_config": "DataConfig",
    "feature_configs": "repeated FeatureConfig",
    "model_config": "ModelConfig"
  },
  "TrainConfig": {
    "sparse_optimizer": "SparseOptimizer",
    "dense_optimizer": "DenseOptimizer",
    "num_steps": "uint32",
    "num_epochs": "uint32",
    "save_checkpoints_steps": "uint32 = 1000",
    "fine_tune_checkpoint": "string",
    "fine_tune_ckpt_param_map": "string",
    "log_step_count_steps": "uint32 = 100",
    "is_profiling": "bool = false",
    "use_tensorboard": "bool = true",
    "save_checkpoints_epochs": "uint32",
    "tensorboard_summaries": "repeated string",
    "cudnn_allow_tf32": "bool = true",
    "cuda_matmul_allow_tf32": "bool = false",
    "global_embedding_constraints": "ParameterConstraints",
    "mixed_precision": "string",
    "grad_scaler": "GradScaler",
    "gradient_accumulation_steps": "uint32",
    "grad_clipping": "GradClipping",
    "keep_checkpoint_max": "uint32 = 0",
    "save_checkpoints_timestamp_interval": "uint32 = 0",
    "save_checkpoints_timestamps": "repeated uint64",
    "save_checkpoints_timestamp_quorum": "float = 0.5",
    "delta_embedding_dump_config": "DeltaEmbeddingDumpConfig"
  },
  "SparseOptimizer": {
    "optimizer": {
      "sgd_optimizer": "FusedSGDOptimizer",
      "adagrad_optimizer": "FusedAdagradOptimizer",
      "adam_optimizer": "FusedAdamOptimizer",
      "lars_sgd_optimizer": "FusedLarsSGDOptimizer",
      "lamb_optimizer": "FusedLAMBOptimizer",
      "partial_rowwise_lamb_optimizer": "FusedPartialRowWiseLAMBOptimizer",
      "partial_rowwise_adam_optimizer": "FusedPartialRowWiseAdamOptimizer",
      "rowwise_adagrad_optimizer": "FusedRowWiseAdagradOptimizer",
      "adadelta_optimizer": "FusedAdadeltaOptimizer",
      "rmsprop_optimizer": "FusedRMSpropOptimizer"
    },
    "learning_rate": {
      "constant_learning_rate": "ConstantLR",
      "exponential_decay_learning_rate": "ExponentialDecayLR",
      "manual_step_learning_rate": "ManualStepLR",
      "cosine_annealing_learning_rate": "CosineAnnealingLR",
      "cosine_annealing_warm_restarts_learning_rate": "CosineAnnealingWarmRestartsLR"
    }
  },
  "FusedSGDOptimizer": {
    "lr": "float = 0.002",
    "gradient_clipping": "bool = false",
    "max_gradient": "float = 1"
  },
  "FusedAdagradOptimizer": {
    "lr": "float = 0.002",
    "gradient_clipping": "bool = false",
    "max_gradient": "float = 1",
    "initial_accumulator_value": "float = 0"
  },
  "FusedAdamOptimizer": {
    "lr": "float = 0.002",
    "beta1": "float = 0.9",
    "beta2": "float = 0.999",
    "weight_decay": "float = 0",
    "gradient_clipping": "bool = false",
    "max_gradient": "float = 1"
  },
  "FusedLarsSGDOptimizer": {
    "lr": "float = 0.002",
    "momentum": "float = 0.9",
    "weight_decay": "float = 0",
    "gradient_clipping": "bool = false",
    "max_gradient": "float = 1"
  },
  "FusedLAMBOptimizer": {
    "lr": "float = 0.002",
    "beta1": "float = 0.9",
    "beta2": "float = 0.999",
    "weight_decay": "float = 0",
    "gradient_clipping": "bool = false",
    "max_gradient": "float = 1"
  },
  "FusedPartialRowWiseLAMBOptimizer": {
    "lr": "float = 0.002",
    "beta1": "float = 0.9",
    "beta2": "float = 0.999",
    "weight_decay": "float = 0",
    "gradient_clipping": "bool = false",
    "max_gradient": "float = 1"
  },
  "FusedPartialRowWiseAdamOptimizer": {
    "lr": "float = 0.002",
    "beta1": "float = 0.9",
    "beta2": "float = 0.999",
    "weight_decay": "float = 0",
    "gradient_clipping": "bool = false",
    "max_gradient": "float = 1"
  },
  "FusedRowWiseAdagradOptimizer": {
    "lr": "float = 0.002",
    "weight_decay": "float = 0",
    "weight_decay_mode": "WeightDecayMode = NONE",
    "gradient_clipping": "bool = false",
    "max_gradient": "float = 1"
  },
  "FusedAdadeltaOptimizer": {
    "lr": "float = 0.002",
    "rho": "float = 0.95",
    "eps": "float = 0.000001",
    "weight_decay": "float = 0",
    "gradient_clipping": "bool = false",
    "max_gradient": "float = 1"
  },
  "FusedRMSpropOptimizer": {
    "lr": "float = 0.002",
    "alpha": "float = 0.99",
    "eps": "float = 1e-8",
    "weight_decay": "float = 0",
    "gradient_clipping": "bool = false",
    "max_gradient": "float = 1"
  },
  "ConstantLR": {},
  "ExponentialDecayLR": {
    "decay_size": "uint32",
    "decay_factor": "float = 0.95",
    "staircase": "bool = true",
    "warmup_learning_rate": "float = 0",
    "warmup_size": "uint32 = 0",
    "min_learning_rate": "float = 0",
    "by_epoch": "bool = false"
  },
  "ManualStepLR": {
    "schedule_sizes": "repeated uint32",
    "learning_rates": "repeated float",
    "warmup": "bool = false",
    "by_epoch": "bool = false"
  },
  "CosineAnnealingLR": {
    "T_max": "uint32",
    "min_learning_rate": "float = 0",
    "warmup_learning_rate": "float = 0",
    "warmup_size": "uint32 = 0",
    "by_epoch": "bool = false"
  },
  "CosineAnnealingWarmRestartsLR": {
    "T_0": "uint32",
    "T_mult": "uint32 = 1",
    "min_learning_rate": "float = 0",
    "warmup_learning_rate": "float = 0",
    "warmup_size": "uint32 = 0",
    "by_epoch": "bool = false"
  },
  "DenseOptimizer": {
    "part_optimizers": "repeated PartOptimizer",
    "ema": "EMAConfig",
    "optimizer": {
      "sgd_optimizer": "SGDOptimizer",
      "adagrad_optimizer": "AdagradOptimizer",
      "adam_optimizer": "AdamOptimizer",
      "adamw_optimizer": "AdamWOptimizer",
      "adadelta_optimizer": "AdadeltaOptimizer",
      "rmsprop_optimizer": "RMSpropOptimizer"
    },
    "learning_rate": {
      "constant_learning_rate": "ConstantLR",
      "exponential_decay_learning_rate": "ExponentialDecayLR",
      "manual_step_learning_rate": "ManualStepLR",
      "cosine_annealing_learning_rate": "CosineAnnealingLR",
      "cosine_annealing_warm_restarts_learning_rate": "CosineAnnealingWarmRestartsLR"
    }
  },
  "SGDOptimizer": {
    "lr": "float = 0.002",
    "momentum": "float = 0.9",
    "weight_decay": "float = 0",
    "dampening": "float = 0",
    "nesterov": "bool = false",
    "fused": "bool = false"
  },
  "AdagradOptimizer": {
    "lr": "float = 0.002",
    "weight_decay": "float = 0",
    "initial_accumulator_value": "float = 0",
    "eps": "float = 1e-10",
    "fused": "bool = false"
  },
  "AdamOptimizer": {
    "lr": "float = 0.002",
    "beta1": "float = 0.9",
    "beta2": "float = 0.999",
    "weight_decay": "float = 0",
    "eps": "float = 1e-8",
    "amsgrad": "bool = false",
    "fused": "bool = false"
  },
  "AdamWOptimizer": {
    "lr": "float = 0.002",
    "beta1": "float = 0.9",
    "beta2": "float = 0.999",
    "weight_decay": "float = 0",
    "eps": "float = 1e-8",
    "amsgrad": "bool = false",
    "fused": "bool = false"
  },
  "AdadeltaOptimizer": {
    "lr": "float = 0.002",
    "rho": "float = 0.95",
    "eps": "float = 0.000001",
    "weight_decay": "float = 0"
  },
  "RMSpropOptimizer": {
    "lr": "float = 0.002",
    "alpha": "float = 0.99",
    "eps": "float = 1e-8",
    "weight_decay": "float = 0"
  },
  "PartOptimizer": {
    "regex_pattern": "string",
    "optimizer": {
      "sgd_optimizer": "SGDOptimizer",
      "adagrad_optimizer": "AdagradOptimizer",
      "adam_optimizer": "AdamOptimizer",
      "adamw_optimizer": "AdamWOptimizer",
      "adadelta_optimizer": "AdadeltaOptimizer",
      "rmsprop_optimizer": "RMSpropOptimizer"
    },
    "learning_rate": {
      "constant_learning_rate": "ConstantLR",
      "exponential_decay_learning_rate": "ExponentialDecayLR",
      "manual_step_learning_rate": "ManualStepLR",
      "cosine_annealing_learning_rate": "CosineAnnealingLR",
      "cosine_annealing_warm_restarts_learning_rate": "CosineAnnealingWarmRestartsLR"
    }
  },
  "EMAConfig": {
    "decay": "float = 0.999"
  },
  "ParameterConstraints": {
    "sharding_types": "repeated string",
    "compute_kernels": "repeated string"
  },
  "GradScaler": {
    "init_scale": "float = 65536",
    "growth_factor": "float = 2",
    "backoff_factor": "float = 0.5",
    "growth_interval": "uint32 = 2000"
  },
  "GradClipping": {
    "clipping_type": "string = none",
    "max_gradient": "float = 1",
    "norm_type": "float = 2",
    "enable_global_grad_clip": "bool = false"
  },
  "DeltaEmbeddingDumpConfig": {
    "dump_interval_steps": "uint32 = 1000",
    "output_dir": "string",
    "file_prefix": "string = delta_embedding",
    "feature_store_config": "FeatureStoreConfig",
    "dump_interval_minutes": "uint32",
    "quant_type": "DeltaEmbeddingQuantType = DELTA_EMBEDDING_QUANT_NONE"
  },
  "FeatureStoreConfig": {
    "region": "string",
    "project_name": "string",
    "feature_view_name": "string",
    "version": "string",
    "endpoint": "string",
    "upload_batch_size": "uint32 = 1000",
    "max_retries": "uint32 = 3",
    "retry_backoff_secs": "uint32 = 5",
    "shutdown_timeout_secs": "uint32 = 600",
    "max_pending_steps": "uint32 = 32",
    "poll_interval_secs": "uint32 = 1",
    "feature_view_ttl_secs": "uint32 = 1296000",
    "feature_view_shard_count": "uint32 = 20",
    "feature_view_replication_count": "uint32 = 1",
    "retain_local_dump": "bool = false",
    "upload_format": "string = ARROW"
  },
  "EvalConfig": {
    "num_steps": "uint32",
    "log_step_count_steps": "uint32 = 10",
    "use_dense_ema": "bool"
  },
  "ExportConfig": {
    "exporter_type": "string = latest",
    "best_exporter_metric": "string = auc",
    "metric_larger_is_better": "bool = true",
    "mixed_precision": "string = ",
    "cudnn_allow_tf32": "bool = true",
    "cuda_matmul_allow_tf32": "bool = false",
    "use_dense_ema": "bool"
  },
  "DataConfig": {
    "batch_size": "uint32 = 1024",
    "dataset_type": "DatasetType = OdpsDataset",
    "fg_encoded": "bool = true",
    "fg_encoded_multival_sep": "string = \u0003",
    "label_fields": "repeated string",
    "num_workers": "uint32 = 8",
    "pin_memory": "bool = true",
    "input_fields": "repeated Field",
    "delimiter": "string = ,",
    "with_header": "bool = false",
    "eval_batch_size": "uint32",
    "drop_remainder": "bool = false",
    "fg_threads": "uint32 = 1",
    "is_orderby_partition": "bool = false",
    "odps_data_quota_name": "string = pay-as-you-go",
    "sample_mask_prob": "float = 0",
    "negative_sample_mask_prob": "float = 0",
    "force_base_data_group": "bool = false",
    "sample_weight_fields": "repeated string",
    "fg_mode": "FgMode = FG_NONE",
    "shuffle": "bool = false",
    "shuffle_buffer_size": "uint32 = 32",
    "odps_data_compression": "string = LZ4_FRAME",
    "sample_cost_field": "string",
    "batch_cost_size": "uint64",
    "input_fields_str": "string",
    "in_order": "bool = true",
    "sampler": {
      "negative_sampler": "NegativeSampler",
      "negative_sampler_v2": "NegativeSamplerV2",
      "hard_negative_sampler": "HardNegativeSampler",
      "hard_negative_sampler_v2": "HardNegativeSamplerV2",
      "tdm_sampler": "TDMSampler"
    }
  },
  "Field": {
    "input_name": "string",
    "input_type": "FieldType"
  },
  "NegativeSampler": {
    "input_path": "string",
    "num_sample": "uint32",
    "attr_fields": "repeated string",
    "item_id_field": "string",
    "attr_delimiter": "string = :",
    "num_eval_sample": "uint32 = 0",
    "field_delimiter": "string",
    "item_id_delim": "string = ;"
  },
  "NegativeSamplerV2": {
    "user_input_path": "string",
    "item_input_path": "string",
    "pos_edge_input_path": "string",
    "num_sample": "uint32",
    "attr_fields": "repeated string",
    "item_id_field": "string",
    "user_id_field": "string",
    "attr_delimiter": "string = :",
    "num_eval_sample": "uint32 = 0",
    "field_delimiter": "string"
  },
  "HardNegativeSampler": {
    "user_input_path": "string",
    "item_input_path": "string",
    "hard_neg_edge_input_path": "string",
    "num_sample": "uint32",
    "num_hard_sample": "uint32",
    "attr_fields": "repeated string",
    "item_id_field": "string",
    "user_id_field": "string",
    "attr_delimiter": "string = :",
    "num_eval_sample": "uint32 = 0",
    "field_delimiter": "string"
  },
  "HardNegativeSamplerV2": {
    "user_input_path": "string",
    "item_input_path": "string",
    "pos_edge_input_path": "string",
    "hard_neg_edge_input_path": "string",
    "num_sample": "uint32",
    "num_hard_sample": "uint32",
    "attr_fields": "repeated string",
    "item_id_field": "string",
    "user_id_field": "string",
    "attr_delimiter": "string = :",
    "num_eval_sample": "uint32 = 0",
    "field_delimiter": "string"
  },
  "TDMSampler": {
    "item_input_path": "string",
    "edge_input_path": "string",
    "predict_edge_input_path": "string",
    "attr_fields": "repeated string",
    "item_id_field": "string",
    "layer_num_sample": "repeated uint32",
    "attr_delimiter": "string = :",
    "num_eval_sample": "uint32 = 0",
    "field_delimiter": "string",
    "remain_ratio": "float = 1",
    "probability_type": "string = UNIFORM"
  },
  "FeatureConfig": {
    "feature": {
      "id_feature": "IdFeature",
      "raw_feature": "RawFeature",
      "combo_feature": "ComboFeature",
      "lookup_feature": "LookupFeature",
      "match_feature": "MatchFeature",
      "sequence_feature": "SequenceFeature",
      "expr_feature": "ExprFeature",
      "overlap_feature": "OverlapFeature",
      "tokenize_feature": "TokenizeFeature",
      "custom_feature": "CustomFeature",
      "kv_dot_product": "KvDotProduct",
      "bool_mask_feature": "BoolMaskFeature",
      "combine_feature": "CombineFeature",
      "sequence_id_feature": "IdFeature",
      "sequence_raw_feature": "RawFeature",
      "sequence_combo_feature": "ComboFeature",
      "sequence_lookup_feature": "LookupFeature",
      "sequence_match_feature": "MatchFeature",
      "sequence_expr_feature": "ExprFeature",
      "sequence_overlap_feature": "OverlapFeature",
      "sequence_tokenize_feature": "TokenizeFeature",
      "sequence_custom_feature": "CustomFeature",
      "sequence_kv_dot_product": "KvDotProduct",
      "sequence_bool_mask_feature": "BoolMaskFeature",
      "sequence_combine_feature": "CombineFeature"
    }
  },
  "IdFeature": {
    "feature_name": "string",
    "expression": "string",
    "embedding_name": "string",
    "embedding_dim": "uint32",
    "hash_bucket_size": "uint64",
    "num_buckets": "uint64",
    "vocab_list": "repeated string",
    "vocab_dict": "map string uint64",
    "value_dim": "uint32",
    "pooling": "string = sum",
    "default_value": "string = ",
    "separator": "string = \u001d",
    "weighted": "bool = false",
    "init_fn": "string",
    "use_mask": "bool",
    "zch": "ZeroCollisionHash",
    "vocab_file": "string",
    "asset_dir": "string",
    "dynamicemb": "DynamicEmbedding",
    "fg_encoded_default_value": "string",
    "default_bucketize_value": "uint64",
    "fg_value_type": "string",
    "trainable": "bool = true",
    "stub_type": "bool = false",
    "data_type": "string = FP32",
    "embedding_constraints": "ParameterConstraints",
    "sequence_length": "uint32",
    "sequence_delim": "string = ;",
    "sequence_fields": "repeated string"
  },
  "ZeroCollisionHash": {
    "zch_size": "uint64",
    "eviction_interval": "uint32 = 5",
    "threshold_filtering_func": "string",
    "eviction_policy": {
      "lfu": "LFU_EvictionPolicy",
      "lru": "LRU_EvictionPolicy",
      "distance_lfu": "DistanceLFU_EvictionPolicy"
    }
  },
  "LFU_EvictionPolicy": {},
  "LRU_EvictionPolicy": {
    "decay_exponent": "float = 1"
  },
  "DistanceLFU_EvictionPolicy": {
    "decay_exponent": "float = 1"
  },
  "DynamicEmbedding": {
    "initializer_args": "DynamicEmbInitializerArgs",
    "eval_initializer_args": "DynamicEmbInitializerArgs",
    "score_strategy": "string = STEP",
    "max_capacity": "uint64",
    "cache_load_factor": "float",
    "init_capacity_per_rank": "uint64",
    "init_table": "string",
    "bucket_capacity": "uint64",
    "admission_strategy": {
      "frequency_admission_strategy": "DynamicEmbFrequencyAdmissionStrategy"
    }
  },
  "DynamicEmbInitializerArgs": {
    "mode": "string",
    "mean": "float = 0",
    "std_dev": "float",
    "lower": "float",
    "upper": "float",
    "value": "float = 0"
  },
  "DynamicEmbFrequencyAdmissionStrategy": {
    "threshold": "uint64",
    "initializer_args": "DynamicEmbInitializerArgs",
    "counter_capacity": "uint64",
    "counter_bucket_capacity": "uint64 = 1024"
  },
  "RawFeature": {
    "feature_name": "string",
    "expression": "string",
    "embedding_name": "string",
    "embedding_dim": "uint32",
    "boundaries": "repeated float",
    "value_dim": "uint32 = 1",
    "normalizer": "string",
    "pooling": "string = sum",
    "default_value": "string = 0",
    "separator": "string = \u001d",
    "init_fn": "string",
    "use_mask": "bool",
    "fg_encoded_default_value": "string",
    "trainable": "bool = true",
    "stub_type": "bool = false",
    "data_type": "string = FP32",
    "embedding_constraints": "ParameterConstraints",
    "sequence_length": "uint32",
    "sequence_delim": "string = ;",
    "sequence_fields": "repeated string",
    "dense_emb": {
      "autodis": "AutoDisEmbedding",
      "mlp": "MLPEmbedding"
    }
  },
  "AutoDisEmbedding": {
    "num_channels": "uint32",
    "temperature": "float = 0.1",
    "keep_prob": "float = 0.8"
  },
  "MLPEmbedding": {},
  "ComboFeature": {
    "feature_name": "string",
    "expression": "repeated string",
    "embedding_name": "string",
    "embedding_dim": "uint32",
    "hash_bucket_size": "uint64",
    "vocab_list": "repeated string",
    "vocab_dict": "map string uint64",
    "value_dim": "uint32 = 0",
    "pooling": "string = sum",
    "default_value": "string = ",
    "separator": "string = \u001d",
    "init_fn": "string",
    "use_mask": "bool",
    "zch": "ZeroCollisionHash",
    "vocab_file": "string",
    "asset_dir": "string",
    "dynamicemb": "DynamicEmbedding",
    "fg_encoded_default_value": "string",
    "default_bucketize_value": "uint64",
    "trainable": "bool = true",
    "stub_type": "bool = false",
    "data_type": "string = FP32",
    "embedding_constraints": "ParameterConstraints",
    "sequence_length": "uint32",
    "sequence_delim": "string = ;",
    "sequence_fields": "repeated string"
  },
  "LookupFeature": {
    "feature_name": "string",
    "map": "string",
    "key": "string",
    "embedding_name": "string",
    "embedding_dim": "uint32",
    "boundaries": "repeated float",
    "hash_bucket_size": "uint64",
    "num_buckets": "uint64",
    "vocab_list": "repeated string",
    "vocab_dict": "map string uint64",
    "pooling": "string = sum",
    "combiner": "string = sum",
    "default_value": "string = 0",
    "separator": "string = \u001d",
    "need_discrete": "bool = false",
    "need_key": "bool = false",
    "normalizer": "string",
    "init_fn": "string",
    "value_dim": "uint32",
    "value_separator": "string = ,",
    "use_mask": "bool",
    "zch": "ZeroCollisionHash",
    "vocab_file": "string",
    "asset_dir": "string",
    "dynamicemb": "DynamicEmbedding",
    "fg_encoded_default_value": "string",
    "default_bucketize_value": "uint64",
    "fg_value_type": "string",
    "trainable": "bool = true",
    "stub_type": "bool = false",
    "data_type": "string = FP32",
    "embedding_constraints": "ParameterConstraints",
    "sequence_length": "uint32",
    "sequence_delim": "string = ;",
    "sequence_fields": "repeated string",
    "dense_emb": {
      "autodis": "AutoDisEmbedding",
      "mlp": "MLPEmbedding"
    }
  },
  "MatchFeature": {
    "feature_name": "string",
    "nested_map": "string",
    "pkey": "string",
    "skey": "string",
    "embedding_name": "string",
    "embedding_dim": "uint32",
    "boundaries": "repeated float",
    "hash_bucket_size": "uint64",
    "num_buckets": "uint64",
    "vocab_list": "repeated string",
    "vocab_dict": "map string uint64",
    "pooling": "string = sum",
    "default_value": "string = 0",
    "separator": "string = \u001d",
    "need_discrete": "bool = false",
    "show_pkey": "bool = false",
    "show_skey": "bool = false",
    "normalizer": "string",
    "init_fn": "string",
    "value_dim": "uint32",
    "use_mask": "bool",
    "zch": "ZeroCollisionHash",
    "vocab_file": "string",
    "asset_dir": "string",
    "dynamicemb": "DynamicEmbedding",
    "fg_encoded_default_value": "string",
    "default_bucketize_value": "uint64",
    "fg_value_type": "string",
    "trainable": "bool = true",
    "stub_type": "bool = false",
    "data_type": "string = FP32",
    "embedding_constraints": "ParameterConstraints",
    "sequence_length": "uint32",
    "sequence_delim": "string = ;",
    "sequence_fields": "repeated string",
    "dense_emb": {
      "autodis": "AutoDisEmbedding",
      "mlp": "MLPEmbedding"
    }
  },
  "SequenceFeature": {
    "sequence_name": "string",
    "sequence_length": "uint32",
    "sequence_delim": "string = ;",
    "sequence_pk": "string",
    "features": "repeated SeqFeatureConfig"
  },
  "SeqFeatureConfig": {
    "feature": {
      "id_feature": "IdFeature",
      "raw_feature": "RawFeature",
      "combo_feature": "ComboFeature",
      "lookup_feature": "LookupFeature",
      "match_feature": "MatchFeature",
      "expr_feature": "ExprFeature",
      "overlap_feature": "OverlapFeature",
      "tokenize_feature": "TokenizeFeature",
      "custom_feature": "CustomFeature",
      "kv_dot_product": "KvDotProduct",
      "bool_mask_feature": "BoolMaskFeature",
      "combine_feature": "CombineFeature"
    }
  },
  "ExprFeature": {
    "feature_name": "string",
    "expression": "string",
    "variables": "repeated string",
    "embedding_name": "string",
    "embedding_dim": "uint32",
    "boundaries": "repeated float",
    "separator": "string = \u001d",
    "fill_missing": "float",
    "pooling": "string = sum",
    "default_value": "string = 0",
    "init_fn": "string",
    "use_mask": "bool",
    "value_dim": "uint32 = 0",
    "fg_encoded_default_value": "string",
    "trainable": "bool = true",
    "stub_type": "bool = false",
    "data_type": "string = FP32",
    "embedding_constraints": "ParameterConstraints",
    "sequence_length": "uint32",
    "sequence_delim": "string = ;",
    "sequence_fields": "repeated string",
    "dense_emb": {
      "autodis": "AutoDisEmbedding",
      "mlp": "MLPEmbedding"
    }
  },
  "OverlapFeature": {
    "feature_name": "string",
    "query": "string",
    "title": "string",
    "method": "string",
    "embedding_name": "string",
    "embedding_dim": "uint32",
    "boundaries": "repeated float",
    "normalizer": "string",
    "pooling": "string = sum",
    "separator": "string = \u001d",
    "init_fn": "string",
    "use_mask": "bool",
    "fg_encoded_default_value": "string",
    "trainable": "bool = true",
    "stub_type": "bool = false",
    "data_type": "string = FP32",
    "embedding_constraints": "ParameterConstraints",
    "sequence_length": "uint32",
    "sequence_delim": "string = ;",
    "sequence_fields": "repeated string",
    "dense_emb": {
      "autodis": "AutoDisEmbedding",
      "mlp": "MLPEmbedding"
    }
  },
  "TokenizeFeature": {
    "feature_name": "string",
    "expression": "string",
    "embedding_name": "string",
    "embedding_dim": "uint32",
    "text_normalizer": "TextNormalizer",
    "vocab_file": "string",
    "asset_dir": "string",
    "pooling": "string = sum",
    "default_value": "string = ",
    "tokenizer_type": "string = bpe",
    "init_fn": "string",
    "use_mask": "bool",
    "fg_encoded_default_value": "string",
    "trainable": "bool = true",
    "stub_type": "bool = false",
    "data_type": "string = FP32",
    "embedding_constraints": "ParameterConstraints",
    "sequence_length": "uint32",
    "sequence_delim": "string = ;",
    "sequence_fields": "repeated string",
    "tokens_as_sequence": "bool = false"
  },
  "TextNormalizer": {
    "max_length": "uint32",
    "stop_char_file": "string",
    "norm_options": "repeated TextNormalizeOption"
  },
  "CustomFeature": {
    "feature_name": "string",
    "operator_name": "string",
    "operator_lib_file": "string",
    "operator_params": "Struct",
    "is_op_thread_safe": "bool = false",
    "expression": "repeated string",
    "embedding_name": "string",
    "embedding_dim": "uint32",
    "boundaries": "repeated float",
    "hash_bucket_size": "uint64",
    "num_buckets": "uint64",
    "vocab_list": "repeated string",
    "vocab_dict": "map string uint64",
    "pooling": "string = sum",
    "default_value": "string = 0",
    "separator": "string = \u001d",
    "normalizer": "string",
    "init_fn": "string",
    "value_dim": "uint32",
    "use_mask": "bool",
    "zch": "ZeroCollisionHash",
    "vocab_file": "string",
    "asset_dir": "string",
    "dynamicemb": "DynamicEmbedding",
    "fg_encoded_default_value": "string",
    "default_bucketize_value": "uint64",
    "trainable": "bool = true",
    "stub_type": "bool = false",
    "data_type": "string = FP32",
    "embedding_constraints": "ParameterConstraints",
    "sequence_length": "uint32",
    "sequence_delim": "string = ;",
    "sequence_fields": "repeated string",
    "dense_emb": {
      "autodis": "AutoDisEmbedding",
      "mlp": "MLPEmbedding"
    }
  },
  "Struct": {
    "fields": "map string Value"
  },
  "Value": {
    "kind": {
      "null_value": "NullValue",
      "number_value": "double",
      "string_value": "string",
      "bool_value": "bool",
      "struct_value": "Struct",
      "list_value": "ListValue"
    }
  },
  "ListValue": {
    "values": "repeated Value"
  },
  "KvDotProduct": {
    "feature_name": "string",
    "query": "string",
    "document": "string",
    "embedding_name": "string",
    "embedding_dim": "uint32",
    "boundaries": "repeated float",
    "separator": "string = \u001d",
    "kv_delimiter": "float",
    "normalizer": "string",
    "pooling": "string = sum",
    "default_value": "string = 0",
    "init_fn": "string",
    "use_mask": "bool",
    "fg_encoded_default_value": "string",
    "trainable": "bool = true",
    "stub_type": "bool = false",
    "data_type": "string = FP32",
    "embedding_constraints": "ParameterConstraints",
    "sequence_length": "uint32",
    "sequence_delim": "string = ;",
    "sequence_fields": "repeated string",
    "dense_emb": {
      "autodis": "AutoDisEmbedding",
      "mlp": "MLPEmbedding"
    }
  },
  "BoolMaskFeature": {
    "feature_name": "string",
    "expression": "repeated string",
    "embedding_name": "string",
    "embedding_dim": "uint32",
    "hash_bucket_size": "uint64",
    "num_buckets": "uint64",
    "vocab_list": "repeated string",
    "vocab_dict": "map string uint64",
    "value_dim": "uint32",
    "pooling": "string = sum",
    "default_value": "string = ",
    "separator": "string = \u001d",
    "init_fn": "string",
    "use_mask": "bool",
    "zch": "ZeroCollisionHash",
    "vocab_file": "string",
    "asset_dir": "string",
    "dynamicemb": "DynamicEmbedding",
    "fg_encoded_default_value": "string",
    "default_bucketize_value": "uint64",
    "fg_value_type": "string",
    "trainable": "bool = true",
    "stub_type": "bool = false",
    "data_type": "string = FP32",
    "embedding_constraints": "ParameterConstraints",
    "sequence_length": "uint32",
    "sequence_delim": "string = ;",
    "sequence_fields": "repeated string"
  },
  "CombineFeature": {
    "feature_name": "string",
    "expression": "string",
    "embedding_name": "string",
    "embedding_dim": "uint32",
    "value_map": "map string float",
    "boundaries": "repeated float",
    "num_buckets": "uint64",
    "pooling": "string = sum",
    "default_value": "string = ",
    "separator": "string = \u001d",
    "normalizer": "string",
    "init_fn": "string",
    "use_mask": "bool",
    "combiner": "string = sum",
    "fg_encoded_default_value": "string",
    "trainable": "bool = true",
    "stub_type": "bool = false",
    "data_type": "string = FP32",
    "embedding_constraints": "ParameterConstraints",
    "sequence_length": "uint32",
    "sequence_delim": "string = ;",
    "sequence_fields": "repeated string",
    "dense_emb": {
      "autodis": "AutoDisEmbedding",
      "mlp": "MLPEmbedding"
    }
  },
  "ModelConfig": {
    "feature_groups": "repeated FeatureGroupConfig",
    "num_class": "uint32 = 1",
    "losses": "repeated LossConfig",
    "metrics": "repeated MetricConfig",
    "train_metrics": "repeated TrainMetricConfig",
    "variational_dropout": "VariationalDropout",
    "kernel": "Kernel = PYTORCH",
    "use_pareto_loss_weight": "bool = false",
    "model": {
      "dlrm": "DLRM",
      "deepfm": "DeepFM",
      "multi_tower": "MultiTower",
      "multi_tower_din": "MultiTowerDIN",
      "mask_net": "MaskNet",
      "wide_and_deep": "WideAndDeep",
      "dcn_v1": "DCNV1",
      "dcn_v2": "DCNV2",
      "xdeepfm": "xDeepFM",
      "wukong": "WuKong",
      "simple_multi_task": "SimpleMultiTask",
      "mmoe": "MMoE",
      "dbmtl": "DBMTL",
      "ple": "PLE",
      "dc2vr": "DC2VR",
      "dlrm_hstu": "DlrmHSTU",
      "pepnet": "PEPNet",
      "ultra_hstu": "UltraHSTU",
      "dssm": "DSSM",
      "dssm_v2": "DSSMV2",
      "dat": "DAT",
      "hstu_match": "HSTUMatch",
      "mind": "MIND",
      "tdm": "TDM",
      "rocket_launching": "RocketLaunching",
      "sid_rqvae": "SidRqvae",
      "sid_rqkmeans": "SidRqkmeans"
    }
  },
  "FeatureGroupConfig": {
    "group_name": "string",
    "feature_names": "repeated string",
    "group_type": "FeatureGroupType = DEEP",
    "sequence_groups": "repeated SeqGroupConfig",
    "sequence_encoders": "repeated SeqEncoderConfig",
    "embedding_name_suffix": "string"
  },
  "SeqGroupConfig": {
    "group_name": "string",
    "feature_names": "repeated string",
    "embedding_name_suffix": "string"
  },
  "SeqEncoderConfig": {
    "seq_module": {
      "din_encoder": "DINEncoder",
      "simple_attention": "SimpleAttention",
      "pooling_encoder": "PoolingEncoder",
      "multi_window_din_encoder": "MultiWindowDINEncoder",
      "self_attention_encoder": "SelfAttentionEncoder"
    }
  },
  "DINEncoder": {
    "name": "string",
    "input": "string",
    "attn_mlp": "MLP",
    "max_seq_length": "int32 = 0"
  },
  "MLP": {
    "hidden_units": "repeated uint32",
    "dropout_ratio": "repeated float",
    "activation": "string = nn.ReLU",
    "use_bn": "bool = false",
    "bias": "bool = true",
    "use_ln": "bool = false"
  },
  "SimpleAttention": {
    "name": "string",
    "input": "string",
    "max_seq_length": "int32 = 0"
  },
  "PoolingEncoder": {
    "name": "string",
    "input": "string",
    "pooling_type": "string = mean",
    "max_seq_length": "int32 = 0"
  },
  "MultiWindowDINEncoder": {
    "name": "string",
    "input": "string",
    "attn_mlp": "MLP",
    "windows_len": "repeated uint32"
  },
  "SelfAttentionEncoder": {
    "name": "string",
    "input": "string",
    "multihead_attn_dim": "int32 = 512",
    "num_heads": "int32 = 8",
    "dropout": "float = 0",
    "max_seq_length": "int32 = 0"
  },
  "DLRM": {
    "dense_mlp": "MLP",
    "arch_with_sparse": "bool = true",
    "final": "MLP"
  },
  "DeepFM": {
    "deep": "MLP",
    "final": "MLP",
    "wide_embedding_dim": "uint32 = 4",
    "wide_init_fn": "string"
  },
  "MultiTower": {
    "towers": "repeated Tower",
    "final": "MLP"
  },
  "Tower": {
    "input": "string",
    "mlp": "MLP"
  },
  "MultiTowerDIN": {
    "towers": "repeated Tower",
    "din_towers": "repeated DINTower",
    "final": "MLP"
  },
  "DINTower": {
    "input": "string",
    "attn_mlp": "MLP"
  },
  "MaskNet": {
    "mask_net_module": "MaskNetModule"
  },
  "MaskNetModule": {
    "n_mask_blocks": "uint32",
    "mask_block": "MaskBlock",
    "top_mlp": "MLP",
    "use_parallel": "bool = true"
  },
  "MaskBlock": {
    "reduction_ratio": "float = 1",
    "aggregation_dim": "uint32",
    "hidden_dim": "uint32"
  },
  "WideAndDeep": {
    "deep": "MLP",
    "final": "MLP",
    "wide_embedding_dim": "uint32 = 4",
    "wide_init_fn": "string"
  },
  "DCNV1": {
    "cross": "Cross",
    "deep": "MLP",
    "final": "MLP"
  },
  "Cross": {
    "cross_num": "uint32 = 3"
  },
  "DCNV2": {
    "backbone": "MLP",
    "cross": "CrossV2",
    "deep": "MLP",
    "final": "MLP"
  },
  "CrossV2": {
    "cross_num": "uint32 = 3",
    "low_rank": "uint32 = 32"
  },
  "xDeepFM": {
    "cin": "CIN",
    "deep": "MLP",
    "final": "MLP",
    "wide_embedding_dim": "uint32 = 16",
    "wide_init_fn": "string"
  },
  "CIN": {
    "cin_layer_size": "repeated uint32"
  },
  "WuKong": {
    "dense_mlp": "MLP",
    "wukong_layers": "repeated WuKongLayer",
    "final": "MLP"
  },
  "WuKongLayer": {
    "lcb_feature_num": "uint32",
    "fmb_feature_num": "uint32",
    "compressed_feature_num": "uint32 = 16",
    "feature_num_mlp": "MLP"
  },
  "SimpleMultiTask": {
    "task_towers": "repeated TaskTower"
  },
  "TaskTower": {
    "tower_name": "string",
    "label_name": "string",
    "metrics": "repeated MetricConfig",
    "train_metrics": "repeated TrainMetricConfig",
    "losses": "repeated LossConfig",
    "num_class": "uint32 = 1",
    "mlp": "MLP",
    "weight": "float = 1",
    "sample_weight_name": "string",
    "task_space_indicator_label": "string",
    "in_task_space_weight": "float = 1",
    "out_task_space_weight": "float = 1",
    "pareto_min_loss_weight": "float = 0"
  },
  "MetricConfig": {
    "metric": {
      "auc": "AUC",
      "multiclass_auc": "MulticlassAUC",
      "recall_at_k": "RecallAtK",
      "mean_absolute_error": "MeanAbsoluteError",
      "mean_squared_error": "MeanSquaredError",
      "accuracy": "Accuracy",
      "grouped_auc": "GroupedAUC",
      "xauc": "XAUC",
      "grouped_xauc": "GroupedXAUC",
      "normalized_entropy": "NormalizedEntropy"
    }
  },
  "AUC": {
    "thresholds": "uint32 = 200"
  },
  "MulticlassAUC": {
    "thresholds": "uint32 = 200",
    "average": "string = macro"
  },
  "RecallAtK": {
    "top_k": "uint32 = 5"
  },
  "MeanAbsoluteError": {},
  "MeanSquaredError": {},
  "Accuracy": {
    "threshold": "float = 0.5",
    "top_k": "uint32 = 1"
  },
  "GroupedAUC": {
    "grouping_key": "string"
  },
  "XAUC": {
    "sample_ratio": "float = 0.001",
    "max_pairs": "uint64",
    "in_batch": "bool = false"
  },
  "GroupedXAUC": {
    "grouping_key": "string",
    "max_pairs_per_group": "uint64 = 100"
  },
  "NormalizedEntropy": {
    "eta": "float = 1e-12"
  },
  "TrainMetricConfig": {
    "decay_rate": "float = 0.9",
    "decay_step": "uint32 = 100",
    "metric": {
      "auc": "AUC",
      "recall_at_k": "RecallAtK",
      "mean_absolute_error": "MeanAbsoluteError",
      "mean_squared_error": "MeanSquaredError",
      "accuracy": "Accuracy",
      "xauc": "XAUC"
    }
  },
  "LossConfig": {
    "loss": {
      "binary_cross_entropy": "BinaryCrossEntropy",
      "softmax_cross_entropy": "SoftmaxCrossEntropy",
      "l2_loss": "L2Loss",
      "jrc_loss": "JRCLoss",
      "binary_focal_loss": "BinaryFocalLoss"
    },
    "sid_loss": {
      "recon_loss": "SidReconLoss",
      "commitment_loss": "SidCommitmentLoss",
      "contrastive_loss": "SidContrastiveLoss"
    }
  },
  "BinaryCrossEntropy": {
    "label_smoothing": "float = 0"
  },
  "SoftmaxCrossEntropy": {
    "label_smoothing": "float = 0"
  },
  "L2Loss": {},
  "JRCLoss": {
    "session_name": "string",
    "alpha": "float = 0.5"
  },
  "BinaryFocalLoss": {
    "gamma": "float = 2",
    "alpha": "float = 0.5"
  },
  "SidReconLoss": {
    "recon_type": "string = l2"
  },
  "SidCommitmentLoss": {
    "latent_weight": "repeated float",
    "commitment_type": "string = l2"
  },
  "SidContrastiveLoss": {},
  "MMoE": {
    "expert_mlp": "MLP",
    "gate_mlp": "MLP",
    "num_expert": "uint32 = 3",
    "task_towers": "repeated TaskTower"
  },
  "DBMTL": {
    "mask_net": "MaskNetModule",
    "bottom_mlp": "MLP",
    "expert_mlp": "MLP",
    "gate_mlp": "MLP",
    "num_expert": "uint32 = 3",
    "task_towers": "repeated BayesTaskTower"
  },
  "BayesTaskTower": {
    "tower_name": "string",
    "label_name": "string",
    "metrics": "repeated MetricConfig",
    "train_metrics": "repeated TrainMetricConfig",
    "losses": "repeated LossConfig",
    "num_class": "uint32 = 1",
    "mlp": "MLP",
    "weight": "float = 1",
    "relation_tower_names": "repeated string",
    "relation_mlp": "MLP",
    "sample_weight_name": "string",
    "task_space_indicator_label": "string",
    "in_task_space_weight": "float = 1",
    "out_task_space_weight": "float = 1",
    "pareto_min_loss_weight": "float = 0"
  },
  "PLE": {
    "extraction_networks": "repeated ExtractionNetwork",
    "task_towers": "repeated TaskTower"
  },
  "ExtractionNetwork": {
    "network_name": "string",
    "expert_num_per_task": "uint32",
    "share_num": "uint32",
    "task_expert_net": "MLP",
    "share_expert_net": "MLP"
  },
  "DC2VR": {
    "bottom_mlp": "MLP",
    "expert_mlp": "MLP",
    "gate_mlp": "MLP",
    "num_expert": "uint32 = 3",
    "task_towers": "repeated InterventionTaskTower"
  },
  "InterventionTaskTower": {
    "tower_name": "string",
    "label_name": "string",
    "metrics": "repeated MetricConfig",
    "train_metrics": "repeated TrainMetricConfig",
    "losses": "repeated LossConfig",
    "num_class": "uint32 = 1",
    "mlp": "MLP",
    "weight": "float = 1",
    "intervention_tower_names": "repeated string",
    "low_rank_dim": "uint32",
    "dropout_ratio": "float = 0.1",
    "task_space_indicator_label": "string",
    "in_task_space_weight": "float = 1",
    "out_task_space_weight": "float = 1",
    "pareto_min_loss_weight": "float = 0"
  },
  "DlrmHSTU": {
    "hstu": "HSTU",
    "fusion_mtl_tower": "FusionMTLTower",
    "max_seq_len": "uint32",
    "item_embedding_hidden_dim": "uint32 = 512",
    "enable_global_average_loss": "bool = true",
    "sequence_timestamp_is_ascending": "bool = true",
    "concat_contextual_features": "bool = false"
  },
  "HSTU": {
    "stu": "STU",
    "input_dropout_ratio": "float = 0.2",
    "attn_num_layers": "uint32 = 3",
    "positional_encoder": "GRPositionalEncoder",
    "input_preprocessor": "GRInputPreprocessor",
    "output_postprocessor": "GROutputPostprocessor",
    "attn_truncation_split_layer": "uint32",
    "attn_truncation_tail_len": "uint32",
    "name": "string = "
  },
  "STU": {
    "embedding_dim": "uint32",
    "num_heads": "uint32",
    "hidden_dim": "uint32",
    "attention_dim": "uint32",
    "output_dropout_ratio": "float = 0.3",
    "max_attn_len": "uint32",
    "attn_alpha": "float",
    "use_group_norm": "bool = false",
    "recompute_normed_x": "bool = true",
    "recompute_uvqk": "bool = true",
    "recompute_y": "bool = true",
    "sort_by_length": "bool = true",
    "contextual_seq_len": "int32 = -1",
    "sla_k1": "uint32",
    "sla_k2": "uint32",
    "scaling_seqlen": "int32 = -1"
  },
  "GRPositionalEncoder": {
    "num_position_buckets": "uint32",
    "num_time_buckets": "uint32",
    "use_time_encoding": "bool = false",
    "time_bucket_fn": "string = sqrt",
    "time_bucket_increments": "float = 60"
  },
  "GRInputPreprocessor": {
    "input_preprocessor": {
      "contextual_preprocessor": "GRContextualPreprocessor",
      "contextual_interleave_preprocessor": "GRContextualInterleavePreprocessor",
      "uih_preprocessor": "GRUIHPreprocessor"
    }
  },
  "GRContextualPreprocessor": {
    "action_encoder": "GRActionEncoder",
    "action_mlp": "GRContextualizedMLP",
    "content_encoder": "GRContentEncoder",
    "content_mlp": "GRContextualizedMLP"
  },
  "GRActionEncoder": {
    "action_encoder": {
      "simple_action_encoder": "GRSimpleActionEncoder"
    }
  },
  "GRSimpleActionEncoder": {
    "action_embedding_dim": "uint32",
    "action_weights": "repeated uint32",
    "watchtime_to_action_thresholds": "repeated uint32",
    "watchtime_to_action_weights": "repeated uint32",
    "embedding_init_std": "float = 0.1"
  },
  "GRContextualizedMLP": {
    "contextualized_mlp": {
      "simple_mlp": "GRSimpleContextualizedMLP",
      "parameterized_mlp": "GRParameterizedContextualizedMLP"
    }
  },
  "GRSimpleContextualizedMLP": {
    "hidden_dim": "uint32"
  },
  "GRParameterizedContextualizedMLP": {
    "hidden_dim": "uint32",
    "contextual_dropout_ratio": "float = 0.3"
  },
  "GRContentEncoder": {
    "content_encoder": {
      "slice_content_encoder": "GRSliceContentEncoder",
      "pad_content_encoder": "GRPadContentEncoder",
      "mlp_content_encoder": "GRMLPContentEncoder"
    }
  },
  "GRSliceContentEncoder": {},
  "GRPadContentEncoder": {},
  "GRMLPContentEncoder": {
    "uih_mlp": "MLP",
    "target_mlp": "MLP"
  },
  "GRContextualInterleavePreprocessor": {
    "action_encoder": "GRActionEncoder",
    "enable_interleaving": "bool = true",
    "action_mlp": "GRContextualizedMLP",
    "content_encoder": "GRContentEncoder",
    "content_mlp": "GRContextualizedMLP"
  },
  "GRUIHPreprocessor": {
    "action_encoder": "GRActionEncoder",
    "action_mlp": "GRContextualizedMLP"
  },
  "GROutputPostprocessor": {
    "output_postprocessor": {
      "l2norm_postprocessor": "GRL2NormPostprocessor",
      "layernorm_postprocessor": "GRLayerNormPostprocessor",
      "timestamp_layernorm_postprocessor": "GRTimestampLayerNormPostprocessor"
    }
  },
  "GRL2NormPostprocessor": {},
  "GRLayerNormPostprocessor": {},
  "GRTimestampLayerNormPostprocessor": {
    "time_duration_period_units": "repeated uint32",
    "time_duration_units_per_period": "repeated uint32"
  },
  "FusionMTLTower": {
    "mlp": "MLP",
    "task_configs": "repeated FusionSubTaskConfig"
  },
  "FusionSubTaskConfig": {
    "task_name": "string",
    "label_name": "string",
    "task_bitmask": "uint64",
    "losses": "repeated LossConfig",
    "num_class": "uint32 = 1",
    "metrics": "repeated MetricConfig",
    "weight": "float = 1",
    "train_metrics": "repeated TrainMetricConfig"
  },
  "PEPNet": {
    "epnet_hidden_unit": "uint32",
    "epnet_gamma": "float = 2",
    "ppnet_hidden_units": "repeated uint32",
    "ppnet_activation": "string = nn.ReLU",
    "ppnet_dropout_ratio": "repeated float",
    "ppnet_gamma": "float = 2",
    "domain_input_name": "string",
    "task_domain_num": "uint32 = 1",
    "task_towers": "repeated TaskTower"
  },
  "UltraHSTU": {
    "hstu": "repeated HSTU",
    "fusion_mtl_tower": "FusionMTLTower",
    "max_seq_len": "uint32",
    "item_embedding_hidden_dim": "uint32 = 512",
    "enable_global_average_loss": "bool = true",
    "sequence_timestamp_is_ascending": "bool = true",
    "concat_contextual_features": "bool = false"
  },
  "DSSM": {
    "user_tower": "Tower",
    "item_tower": "Tower",
    "output_dim": "int32",
    "similarity": "Similarity = INNER_PRODUCT",
    "temperature": "float = 1",
    "in_batch_negative": "bool = false"
  },
  "DSSMV2": {
    "user_tower": "Tower",
    "item_tower": "Tower",
    "output_dim": "int32",
    "similarity": "Similarity = INNER_PRODUCT",
    "temperature": "float = 1",
    "in_batch_negative": "bool = false"
  },
  "DAT": {
    "user_tower": "DATTower",
    "item_tower": "DATTower",
    "output_dim": "int32",
    "similarity": "Similarity = INNER_PRODUCT",
    "temperature": "float = 1",
    "in_batch_negative": "bool = false",
    "amm_i_weight": "float = 0.5",
    "amm_u_weight": "float = 0.5"
  },
  "DATTower": {
    "input": "string",
    "augment_input": "string",
    "mlp": "MLP"
  },
  "HSTUMatch": {
    "user_tower": "HSTUUserTower",
    "item_tower": "Tower",
    "output_dim": "int32 = 0",
    "similarity": "Similarity = INNER_PRODUCT",
    "temperature": "float = 1",
    "in_batch_negative": "bool = false",
    "sequence_timestamp_is_ascending": "bool = true"
  },
  "HSTUUserTower": {
    "input": "string",
    "hstu": "HSTU",
    "max_seq_len": "uint32"
  },
  "MIND": {
    "user_tower": "MINDUserTower",
    "item_tower": "Tower",
    "simi_pow": "float = 10",
    "similarity": "Similarity = COSINE",
    "in_batch_negative": "bool = false",
    "temperature": "float = 1",
    "output_dim": "int32"
  },
  "MINDUserTower": {
    "input": "string",
    "history_input": "string",
    "user_mlp": "MLP",
    "hist_seq_mlp": "MLP",
    "user_seq_combine": "MINDUserTower_UserSeqCombineMethod = SUM",
    "capsule_config": "B2ICapsule",
    "concat_mlp": "MLP"
  },
  "B2ICapsule": {
    "max_k": "uint32 = 5",
    "max_seq_len": "uint32",
    "high_dim": "uint32",
    "num_iters": "uint32 = 3",
    "routing_logits_scale": "float = 20",
    "routing_logits_stddev": "float = 1",
    "squash_pow": "float = 1",
    "const_caps_num": "bool = false",
    "routing_init_method": "string = normal"
  },
  "TDM": {
    "multiwindow_din": "MultiWindowDINTower",
    "final": "MLP"
  },
  "MultiWindowDINTower": {
    "windows_len": "repeated uint32",
    "attn_mlp": "MLP"
  },
  "RocketLaunching": {
    "share_mlp": "MLP",
    "booster_mlp": "MLP",
    "light_mlp": "MLP",
    "feature_based_distillation": "bool = false",
    "feature_distillation_function": "Similarity = COSINE"
  },
  "SidRqvae": {
    "embed_dim": "uint32 = 64",
    "hidden_dims": "repeated uint32",
    "codebook": "repeated uint32",
    "forward_mode": "string = ste",
    "normalize_residuals": "bool = false",
    "distance_type": "string = l2",
    "rotation_trick": "bool = false",
    "kmeans_init": "bool = false",
    "sinkhorn_config": "SinkhornConfig",
    "contrastive_config": "ContrastiveConfig",
    "candidate_output_config": "SidCandidateOutputConfig"
  },
  "SinkhornConfig": {
    "iters": "uint32 = 5",
    "epsilon": "float = 10",
    "enabled": "bool = true"
  },
  "ContrastiveConfig": {
    "pair_feature_group": "string",
    "pair_flag_feature_group": "string"
  },
  "SidCandidateOutputConfig": {
    "enabled": "bool = false",
    "topk": "uint32 = 1",
    "strategy": "string = last_layer_knn"
  },
  "SidRqkmeans": {
    "codebook": "repeated uint32",
    "normalize_residuals": "bool = false",
    "faiss_kmeans_kwargs": "FaissKmeansConfig",
    "train_sample_size": "uint32 = 0",
    "candidate_output_config": "SidCandidateOutputConfig"
  },
  "FaissKmeansConfig": {
    "niter": "uint32",
    "nredo": "uint32",
    "seed": "uint32",
    "max_points_per_centroid": "uint32",
    "min_points_per_centroid": "uint32",
    "spherical": "bool",
    "verbose": "bool"
  },
  "VariationalDropout": {
    "regularization_lambda": "float = 0.01",
    "embedding_wise_variational_dropout": "bool = false"
  }
};

/** Values and their numbers. */
export const ENUMS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "WeightDecayMode": {
    "NONE": 0,
    "L2": 1,
    "DECOUPLE": 2
  },
  "DeltaEmbeddingQuantType": {
    "DELTA_EMBEDDING_QUANT_NONE": 0,
    "DELTA_EMBEDDING_QUANT_INT8": 1
  },
  "DatasetType": {
    "OdpsDataset": 1,
    "ParquetDataset": 2,
    "CsvDataset": 3,
    "OdpsDatasetV1": 4,
    "KafkaDataset": 5
  },
  "FieldType": {
    "INT32": 0,
    "INT64": 1,
    "STRING": 2,
    "FLOAT": 3,
    "DOUBLE": 4,
    "ARRAY_INT32": 5,
    "ARRAY_INT64": 6,
    "ARRAY_STRING": 7,
    "ARRAY_FLOAT": 8,
    "ARRAY_DOUBLE": 9,
    "ARRAY_ARRAY_INT32": 10,
    "ARRAY_ARRAY_INT64": 11,
    "ARRAY_ARRAY_STRING": 12,
    "ARRAY_ARRAY_FLOAT": 13,
    "ARRAY_ARRAY_DOUBLE": 14,
    "MAP_STRING_INT32": 15,
    "MAP_STRING_INT64": 16,
    "MAP_STRING_STRING": 17,
    "MAP_STRING_FLOAT": 18,
    "MAP_STRING_DOUBLE": 19,
    "MAP_INT64_INT32": 20,
    "MAP_INT64_INT64": 21,
    "MAP_INT64_STRING": 22,
    "MAP_INT64_FLOAT": 23,
    "MAP_INT64_DOUBLE": 24,
    "MAP_INT32_INT32": 25,
    "MAP_INT32_INT64": 26,
    "MAP_INT32_STRING": 27,
    "MAP_INT32_FLOAT": 28,
    "MAP_INT32_DOUBLE": 29
  },
  "FgMode": {
    "FG_NONE": 1,
    "FG_NORMAL": 2,
    "FG_DAG": 3,
    "FG_BUCKETIZE": 4
  },
  "TextNormalizeOption": {
    "TEXT_LOWER2UPPER": 0,
    "TEXT_UPPER2LOWER": 1,
    "TEXT_SBC2DBC": 2,
    "TEXT_CHT2CHS": 3,
    "TEXT_FILTER": 4,
    "TEXT_SPLITCHRS": 5,
    "TEXT_REMOVE_SPACE": 6
  },
  "NullValue": {
    "NULL_VALUE": 0
  },
  "FeatureGroupType": {
    "DEEP": 0,
    "WIDE": 1,
    "SEQUENCE": 2,
    "JAGGED_SEQUENCE": 3
  },
  "Similarity": {
    "COSINE": 0,
    "INNER_PRODUCT": 1,
    "EUCLID": 2
  },
  "MINDUserTower_UserSeqCombineMethod": {
    "CONCAT": 0,
    "SUM": 1
  },
  "Kernel": {
    "TRITON": 0,
    "PYTORCH": 1,
    "CUTLASS": 2
  }
};
